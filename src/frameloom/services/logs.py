"""collect_logs: pieces of workers' logs, from the log queue into the log bucket."""

from frameloom.model import keys
from frameloom.model.messages import LogBatch
from frameloom.services.ports import Buckets, Store


def collect(body: str, *, store: Store, buckets: Buckets) -> str:
    """Store one piece of a log as JSON lines and return its key; the same piece twice is stored once.

    Raises:
        ValueError: the body is no batch of log records.
    """
    batch = LogBatch.model_validate_json(body)
    key = keys.log_part_key(batch.job_id, batch.worker, batch.part)
    lines = "".join(record.model_dump_json(exclude_none=True) + "\n" for record in batch.records)
    store.put(buckets.logs, key, lines.encode(), content_type="application/x-ndjson")
    return key
