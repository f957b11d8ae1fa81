"""Reads the log of a job, which its workers wrote, from the parts in the log bucket."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from frameloom.model import keys
from frameloom.model.messages import LogRecord
from frameloom.services.storage.ports import Buckets, Executions, Store

# Parts read in parallel: each is small, and latency dominates.
_PARALLEL = 8
# Seconds between two polls, or more if polls would take a larger share of the time.
POLL_INTERVAL, POLL_SHARE = 1.0, 0.2
# Seconds after the job's end in which the last parts arrive.
LAST_PARTS = 3.0


class JobLog:
    """Reads the log of a job part by part; `worker` and `frame` restrict it to one worker or one frame."""

    def __init__(
        self, job_id: str, *, store: Store, buckets: Buckets, worker: str | None = None, frame: int | None = None
    ) -> None:
        self._store, self._bucket = store, buckets.logs
        self._prefix = keys.logs_prefix(job_id) if worker is None else keys.worker_log_prefix(job_id, worker)
        self._frame = frame
        self._read: set[str] = set()

    def read(self) -> list[LogRecord]:
        """Return the records that are new since the last call, by time."""
        fresh = [stored.key for stored in self._store.list(self._bucket, self._prefix) if stored.key not in self._read]
        self._read.update(fresh)
        with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="log") as pool:
            parts = list(pool.map(self._part, fresh))
        # The sort is stable: a worker's records of the same millisecond keep their order.
        return sorted((record for part in parts for record in part), key=_time)

    def follow(
        self,
        job_id: str,
        executions: Executions,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> Iterator[list[LogRecord]]:
        """Poll the log and yield the new records, until the job has ended and its last parts have arrived."""
        while True:
            started = clock()
            execution = executions.describe(job_id)
            ended = execution is None or execution.status.ended
            yield self.read()
            if ended:
                pause(LAST_PARTS)
                yield self.read()
                return
            pause(max(POLL_INTERVAL, (clock() - started) * (1 - POLL_SHARE) / POLL_SHARE))

    def _part(self, key: str) -> list[LogRecord]:
        lines = (self._store.get(self._bucket, key) or b"").splitlines()
        records = [LogRecord.model_validate_json(line) for line in lines]
        return records if self._frame is None else [record for record in records if record.frame == self._frame]


def _time(record: LogRecord) -> datetime:
    return datetime.fromisoformat(record.time)
