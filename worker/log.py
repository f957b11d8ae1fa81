"""A worker's log: JSON lines on stderr, and the lines of each job to the log queue as they come."""

import contextlib
import io
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from frameloom.model.messages import LogBatch, LogRecord

Level = Literal["debug", "info", "warning", "error"]

# Shipped as it goes: with a machine that is gone, at most this many seconds of a log are.
SHIP_EVERY = 1.0
# An SQS message holds 1 MiB; a record of Blender's last words may be some kilobytes.
RECORDS_PER_BATCH = 100
# While the log queue does not answer, the newest lines are kept.
KEPT_BATCHES = 1000

_SUFFIX = ".jsonl"


@dataclass(slots=True, kw_only=True)
class _Piece:
    """Some lines of one job's log, and the file that holds them until they are shipped.

    What is in the file outlives the worker, unless its disk goes as well: see `ship_left_behind`.
    """

    part: str
    path: Path
    records: list[LogRecord] = field(default_factory=list)
    _file: io.FileIO | None = None

    def add(self, record: LogRecord) -> None:
        self.records.append(record)
        # A disk that is full takes no line; it is shipped from memory all the same.
        with contextlib.suppress(OSError):
            if self._file is None:
                self._file = self.path.open("ab", buffering=0)
            self._file.write(record.model_dump_json(exclude_none=True).encode() + b"\n")

    def seal(self) -> None:
        """Take no more lines."""
        if self._file is not None:
            self._file.close()

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)


class LogShipper:
    """Writes records to stderr at once and ships those of jobs in batches; a context manager.

    Args:
        folder: where lines lie until they are shipped.
    """

    def __init__(self, *, worker: str, send: Callable[[str], None], folder: Path) -> None:
        self._worker = worker
        self._send = send
        self._folder = folder
        # What may still grow, by job, and what is waiting to be shipped.
        self._open: dict[str, _Piece] = {}
        self._sealed: list[_Piece] = []
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
                for job_id in list(self._open):
                    self._seal(job_id)
                forgotten, waiting = self._sealed[:-KEPT_BATCHES], self._sealed[-KEPT_BATCHES:]
                self._sealed = []
            for piece in forgotten:
                piece.drop()
            shipped = 0
            try:
                for piece in waiting:
                    self._send(_batch(piece.part, piece.records))
                    shipped += 1
                    piece.drop()
            except Exception as error:  # noqa: BLE001  whatever the log queue has, rendering goes on
                print(f"The log queue does not answer: {error}", file=sys.stderr)
            with self._lock:
                self._sealed[:0] = waiting[shipped:]

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
        if record.job_id is not None:
            with self._lock:
                self._keep(record.job_id, record)
        # In one piece: several threads write, and a line is a record.
        sys.stderr.write(record.model_dump_json(exclude_none=True) + "\n")
        sys.stderr.flush()

    def _keep(self, job_id: str, record: LogRecord) -> None:
        piece = self._open.get(job_id)
        if piece is None:
            self._sequence += 1
            # Sorts by time, also across a restart of a worker of the same name.
            part = f"{time.time_ns():020d}-{self._sequence:06d}"
            piece = self._open[job_id] = _Piece(part=part, path=self._folder / f"{part}{_SUFFIX}")
        piece.add(record)
        if len(piece.records) == RECORDS_PER_BATCH:
            self._seal(job_id)

    def _seal(self, job_id: str) -> None:
        piece = self._open.pop(job_id)
        piece.seal()
        self._sealed.append(piece)

    def _ship_until_ended(self) -> None:
        while not self._ended.wait(SHIP_EVERY):
            self.flush()


def ship_left_behind(folder: Path, send: Callable[[str], None]) -> None:
    """Ship the pieces that a dead worker had in `folder`, in their order.

    One that it shipped before it died goes again under the same name, and so is stored once.
    """
    for file in sorted(folder.glob(f"*{_SUFFIX}")):
        records = []
        for line in file.read_bytes().splitlines():
            # Where the disk was full, half a line may be there.
            with contextlib.suppress(ValueError):
                records.append(LogRecord.model_validate_json(line))
        if records:
            send(_batch(file.stem, records))
        file.unlink()


def _batch(part: str, records: list[LogRecord]) -> str:
    worker, job_id = records[0].worker, records[0].job_id or ""
    return LogBatch(worker=worker, job_id=job_id, part=part, records=records).model_dump_json(exclude_none=True)
