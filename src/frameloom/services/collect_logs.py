"""collect_logs: stores the parts of workers' logs from the log queue in the log bucket."""

from dataclasses import dataclass

from frameloom.model import keys
from frameloom.model.log_event import LogEvent
from frameloom.model.messages import LogBatch
from frameloom.services.storage.ports import Buckets, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPart:
    """The key of a stored part of a log, and the number of frames that it reports as rendered.

    A sum of these numbers counts a part twice if SQS delivers it twice. It shows whether frames come, not how many.
    """

    key: str
    frames: int


def collect(body: str, *, store: Store, buckets: Buckets) -> StoredPart:
    """Store a part of a log as JSON lines; the same part twice is stored once.

    Raises:
        ValueError: the body is not a batch of log records.
    """
    batch = LogBatch.model_validate_json(body)
    key = keys.log_part_key(batch.job_id, batch.worker, batch.part)
    lines = "".join(record.model_dump_json(exclude_none=True) + "\n" for record in batch.records)
    store.put(buckets.logs, key, lines.encode(), content_type="application/x-ndjson")
    return StoredPart(key=key, frames=sum(record.event is LogEvent.FRAME_RENDERED for record in batch.records))
