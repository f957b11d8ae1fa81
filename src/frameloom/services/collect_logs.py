"""collect_logs: pieces of workers' logs, from the log queue into the log bucket."""

from dataclasses import dataclass

from frameloom.model import keys
from frameloom.model.log_event import LogEvent
from frameloom.model.messages import LogBatch
from frameloom.services.storage.ports import Buckets, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of a log that is stored: its key, and how many frames it tells of.

    Who adds these up counts a piece that SQS delivers twice twice: good for whether frames come, not for how many.
    """

    key: str
    frames: int


def collect(body: str, *, store: Store, buckets: Buckets) -> Piece:
    """Store one piece of a log as JSON lines; the same piece twice is stored once.

    Raises:
        ValueError: the body is no batch of log records.
    """
    batch = LogBatch.model_validate_json(body)
    key = keys.log_part_key(batch.job_id, batch.worker, batch.part)
    lines = "".join(record.model_dump_json(exclude_none=True) + "\n" for record in batch.records)
    store.put(buckets.logs, key, lines.encode(), content_type="application/x-ndjson")
    return Piece(key=key, frames=sum(record.event is LogEvent.FRAME_RENDERED for record in batch.records))
