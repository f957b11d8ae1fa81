"""Ships a worker's log: a `logging` handler that writes JSON lines to stderr and sends those of jobs to the log queue.

It handles the root logger's records, so the warnings of boto3, botocore and urllib3 are shipped like the worker's own.
"""

import contextlib
import io
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from frameloom.model.log_event import LogEvent
from frameloom.model.messages import LogBatch, LogRecord
from worker.log import NAME, log

# Seconds between two shipments: a machine that is lost takes at most this much of its log with it.
SHIP_EVERY = 1.0
# An SQS message holds 1 MiB. A record with Blender's last lines can take some kilobytes.
RECORDS_PER_BATCH = 100
# While the log queue does not answer, only the newest batches are kept.
MAX_BATCHES = 1000
# Characters of a traceback that a record keeps, from its end.
TRACEBACK_LENGTH = 4000

_SUFFIX = ".jsonl"


@dataclass(slots=True, kw_only=True)
class _Piece:
    """Consecutive records of one job, and the file that holds them until they are shipped.

    The file outlives the worker, unless the worker's disk goes with it: see `ship_leftover_logs`.
    """

    part: str
    path: Path
    records: list[LogRecord] = field(default_factory=list)
    _file: io.FileIO | None = None

    def add(self, record: LogRecord, line: bytes) -> None:
        self.records.append(record)
        # A full disk takes no line. The line is still shipped from memory.
        with contextlib.suppress(OSError):
            if self._file is None:
                self._file = self.path.open("ab", buffering=0)
            self._file.write(line)

    def seal(self) -> None:
        """Close the file; no more records follow."""
        if self._file is not None:
            self._file.close()

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)


class LogShipper(logging.Handler):
    """Writes records to stderr at once and ships those of jobs in batches; a context manager.

    Args:
        worker: the worker's name, in each record.
        send: sends a batch to the log queue.
        folder: holds the records until they are shipped.
    """

    def __init__(self, *, worker: str, send: Callable[[str], None], folder: Path) -> None:
        super().__init__()
        self._worker, self._send, self._folder = worker, send, folder
        # Pieces that still grow, by job, and pieces that wait for shipment. Guarded by the handler's own lock.
        self._open: dict[str, _Piece] = {}
        self._sealed: list[_Piece] = []
        self._shipping, self._sending = threading.Lock(), threading.local()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ship_until_ended, name="log", daemon=True)
        self._sequence = 0
        self._keys: dict[str, str] = {}

    def __enter__(self) -> Self:
        logging.getLogger().addHandler(self)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self.ship()
        logging.getLogger().removeHandler(self)
        self.close()

    def bind(self, **keys: str) -> None:
        """Put `keys` (job_id, chunk_id) into all records from now on, in place of earlier keys."""
        self._keys = keys

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record to stderr, and keep it for shipment if a job is bound."""
        try:
            line = self._record(record)
            text = line.model_dump_json(exclude_none=True) + "\n"
            if line.job_id is not None:
                self._keep(line.job_id, line, text.encode())
            sys.stderr.write(text)
            sys.stderr.flush()
        except Exception:  # noqa: BLE001  as the handlers of `logging` do
            self.handleError(record)

    def ship(self) -> None:
        """Ship all records so far; batches that the log queue does not take wait for the next shipment."""
        with self._shipping:
            with self._locked():
                for job_id in list(self._open):
                    self._seal(job_id)
                dropped, waiting = self._sealed[:-MAX_BATCHES], self._sealed[-MAX_BATCHES:]
                self._sealed = []
            for piece in dropped:
                piece.drop()
            shipped = 0
            self._sending.active = True
            try:
                for piece in waiting:
                    self._send(_batch(piece.part, piece.records))
                    shipped += 1
                    piece.drop()
            except Exception as error:  # noqa: BLE001  rendering goes on whatever the log queue does
                log.warning(LogEvent.LOG_QUEUE_FAILED, "The log queue takes no batch", problem=str(error))
            finally:
                self._sending.active = False
            with self._locked():
                self._sealed[:0] = waiting[shipped:]

    def _record(self, record: logging.LogRecord) -> LogRecord:
        own = record.name == NAME
        facts: dict[str, Any] = dict(getattr(record, "facts", {})) if own else {"logger": record.name}
        # Records of a shipment itself belong to no job and are not shipped: a failing log queue would fill its own log.
        keys = {} if getattr(self._sending, "active", False) else self._keys
        if record.exc_info:
            text = logging.Formatter().formatException(record.exc_info)
            facts["traceback"] = text[-TRACEBACK_LENGTH:]
        return LogRecord(
            time=datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            level=_level(record.levelno),
            event=getattr(record, "event", None) if own else None,
            message=record.getMessage(),
            worker=self._worker,
            frame=facts.pop("frame", None),
            facts=facts,
            **keys,
        )

    def _keep(self, job_id: str, record: LogRecord, line: bytes) -> None:
        piece = self._open.get(job_id)
        if piece is None:
            self._sequence += 1
            # Sorts by time, also across restarts of a worker of the same name.
            part = f"{time.time_ns():020d}-{self._sequence:06d}"
            piece = self._open[job_id] = _Piece(part=part, path=self._folder / f"{part}{_SUFFIX}")
        piece.add(record, line)
        if len(piece.records) == RECORDS_PER_BATCH:
            self._seal(job_id)

    def _seal(self, job_id: str) -> None:
        piece = self._open.pop(job_id)
        piece.seal()
        self._sealed.append(piece)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def _ship_until_ended(self) -> None:
        while not self._ended.wait(SHIP_EVERY):
            self.ship()


def ship_leftover_logs(folder: Path, send: Callable[[str], None]) -> None:
    """Ship the pieces that a dead worker left in `folder`, in their order, and remove them.

    A piece that the worker shipped before it died is sent again under the same name, and so is stored once.
    """
    for file in sorted(folder.glob(f"*{_SUFFIX}")):
        records = []
        for line in file.read_bytes().splitlines():
            # On a full disk the last line can be cut.
            with contextlib.suppress(ValueError):
                records.append(LogRecord.model_validate_json(line))
        if records:
            send(_batch(file.stem, records))
        file.unlink()


def _batch(part: str, records: list[LogRecord]) -> str:
    worker, job_id = records[0].worker, records[0].job_id or ""
    return LogBatch(worker=worker, job_id=job_id, part=part, records=records).model_dump_json(exclude_none=True)


def _level(number: int) -> Literal["debug", "info", "warning", "error"]:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"
