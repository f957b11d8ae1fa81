"""The log of a job: what its workers wrote, from the pieces in the log bucket."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from frameloom.model import keys
from frameloom.model.messages import LogRecord
from frameloom.services.storage.ports import Buckets, Executions, Store

# Pieces read side by side: each is small, and the way to S3 is long.
AT_ONCE = 8
# Seconds between two looks, unless looking takes so long that this share of the time would be more.
PAUSE, LOOKING = 1.0, 0.2
# The last pieces may still be on their way when the job has ended.
LAST_PIECES = 3.0


class JobLog:
    """Reads a job's log piece by piece; of one worker, where `worker` names it, and of one frame."""

    def __init__(
        self, job_id: str, *, store: Store, buckets: Buckets, worker: str | None = None, frame: int | None = None
    ) -> None:
        self._store, self._bucket = store, buckets.logs
        self._prefix = keys.logs_prefix(job_id) if worker is None else keys.worker_log_prefix(job_id, worker)
        self._frame = frame
        self._read: set[str] = set()

    def read(self) -> list[LogRecord]:
        """Return what has come since the last call, in the order of time."""
        fresh = [stored.key for stored in self._store.list(self._bucket, self._prefix) if stored.key not in self._read]
        self._read.update(fresh)
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="log") as pool:
            pieces = list(pool.map(self._piece, fresh))
        # Sorting is stable: what a worker wrote in the same millisecond stays in its order.
        return sorted((record for piece in pieces for record in piece), key=_time)

    def follow(
        self,
        job_id: str,
        executions: Executions,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> Iterator[list[LogRecord]]:
        """Yield what comes, look by look, until the job has ended and its last pieces have come."""
        while True:
            began = clock()
            execution = executions.describe(job_id)
            ended = execution is None or execution.status.ended
            yield self.read()
            if ended:
                pause(LAST_PIECES)
                yield self.read()
                return
            pause(max(PAUSE, (clock() - began) * (1 - LOOKING) / LOOKING))

    def _piece(self, key: str) -> list[LogRecord]:
        lines = (self._store.get(self._bucket, key) or b"").splitlines()
        records = [LogRecord.model_validate_json(line) for line in lines]
        return records if self._frame is None else [record for record in records if record.frame == self._frame]


def _time(record: LogRecord) -> datetime:
    return datetime.fromisoformat(record.time)
