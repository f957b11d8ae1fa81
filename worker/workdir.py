"""A worker's own folder on its disk, and those of workers that died and left theirs behind."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

_PREFIX = "frameloom-worker-"
# Locked for as long as its worker lives: the kernel lets go of it however that dies.
_LOCK = "alive"


class WorkerFolder:
    """A folder that goes with its worker; a context manager.

    Attributes:
        path: the folder, made below `root`; gone at the end, unless `logs` still holds something.
        logs: the folder in it for the pieces of the log that are not shipped.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def __enter__(self) -> Self:
        with _locked(self._root):
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._root))
            self._lock = os.open(self.path / _LOCK, os.O_RDONLY | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.logs = logs_in(self.path)
        self.logs.mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What the log queue did not take to the last is for the next worker.
        if not any(self.logs.iterdir()):
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def logs_in(folder: Path) -> Path:
    """Return where in a worker's folder the pieces of its log lie."""
    return folder / "log"


def settle_estates(root: Path, settle: Callable[[Path], None]) -> None:
    """Have `settle` see to each folder below `root` whose worker is dead, and remove it.

    One worker alone does so, whichever comes first. What `settle` raises leaves the folder for the next.
    """
    for path in sorted(root.glob(f"{_PREFIX}*")):
        with _locked(root):
            try:
                lock = os.open(path / _LOCK, os.O_RDONLY)
            except OSError:
                # Another has just removed it, or it is none of ours.
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
        try:
            settle(path)
            shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(lock)


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Let no two workers make or take a folder at once: between the two steps of making one it looks abandoned."""
    folder = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
