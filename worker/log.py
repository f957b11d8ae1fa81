"""A worker's log: JSON lines on stderr, and the lines of each job to the log queue as they come."""

import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Self

from frameloom.model.messages import LogBatch, LogRecord

Level = Literal["debug", "info", "warning", "error"]

# Shipped as it goes, so that a worker that dies takes at most this many seconds of its log along.
SHIP_EVERY = 0.5
# An SQS message holds 1 MiB; a record of Blender's last words may be some kilobytes.
RECORDS_PER_BATCH = 100
# While the log queue does not answer, the newest lines are kept.
KEPT_BATCHES = 1000


class LogShipper:
    """Writes records to stderr at once and ships those of jobs in batches; a context manager."""

    def __init__(self, *, worker: str, send: Callable[[str], None]) -> None:
        self._worker = worker
        self._send = send
        self._records: defaultdict[str, list[LogRecord]] = defaultdict(list)
        self._batches: list[LogBatch] = []
        self._lock, self._shipping = threading.Lock(), threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ship_until_ended, name="log", daemon=True)
        self._sequence = 0
        self._keys: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self.flush()

    def bind(self, **keys: str) -> None:
        """Put `keys` (job_id, chunk_id) into every record from now on; none takes them out."""
        self._keys = keys

    def debug(self, message: str, **facts: Any) -> None:
        """Log what Blender says."""
        self._log("debug", message, facts)

    def info(self, message: str, **facts: Any) -> None:
        """Log what happened."""
        self._log("info", message, facts)

    def warning(self, message: str, **facts: Any) -> None:
        """Log what went wrong and was mended."""
        self._log("warning", message, facts)

    def error(self, message: str, **facts: Any) -> None:
        """Log what went wrong."""
        self._log("error", message, facts)

    def flush(self) -> None:
        """Ship what is held; what the log queue does not take is tried again later."""
        with self._shipping:
            with self._lock:
                for job_id, records in self._records.items():
                    self._batches += self._cut(job_id, records)
                self._records.clear()
                self._batches = self._batches[-KEPT_BATCHES:]
            while self._batches:
                try:
                    self._send(self._batches[0].model_dump_json(exclude_none=True))
                except Exception as error:  # noqa: BLE001  whatever the log queue has, rendering goes on
                    print(f"The log queue does not answer: {error}", file=sys.stderr)
                    return
                del self._batches[0]

    def _log(self, level: Level, message: str, facts: dict[str, Any]) -> None:
        record = LogRecord(
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            level=level,
            message=message,
            worker=self._worker,
            frame=facts.pop("frame", None),
            facts=facts,
            **self._keys,
        )
        print(record.model_dump_json(exclude_none=True), file=sys.stderr, flush=True)
        if record.job_id is not None:
            with self._lock:
                self._records[record.job_id].append(record)

    def _cut(self, job_id: str, records: list[LogRecord]) -> list[LogBatch]:
        batches = []
        for first in range(0, len(records), RECORDS_PER_BATCH):
            self._sequence += 1
            # Sorts by time, also across a restart of a worker of the same name.
            part = f"{time.time_ns():020d}-{self._sequence:06d}"
            piece = records[first : first + RECORDS_PER_BATCH]
            batches.append(LogBatch(worker=self._worker, job_id=job_id, part=part, records=piece))
        return batches

    def _ship_until_ended(self) -> None:
        while not self._ended.wait(SHIP_EVERY):
            self.flush()
