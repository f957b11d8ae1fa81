"""A worker's folder on its disk, and the folders of workers that were killed."""

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
# The worker holds a lock on this file. The kernel releases it when the process ends, however it ends.
_LOCK = "alive"


class WorkDir:
    """A folder that is removed with its worker; a context manager.

    Attributes:
        path: the folder, created in `root`. It stays at exit if `logs` is not empty.
        logs: the folder in it for log pieces that are not shipped yet.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def __enter__(self) -> Self:
        with _locked(self._root):
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._root))
            self._lock = os.open(self.path / _LOCK, os.O_RDONLY | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.logs = log_folder(self.path)
        self.logs.mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The next worker ships the pieces that the log queue has not taken.
        if not any(self.logs.iterdir()):
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def log_folder(folder: Path) -> Path:
    """Return the folder for log pieces in a worker's folder."""
    return folder / "log"


def clear_abandoned(root: Path, rescue: Callable[[Path], None]) -> None:
    """Call `rescue` with each folder in `root` whose worker is dead, then remove the folder.

    Of several workers, only the first one takes a folder. If `rescue` raises, the folder stays for the next worker.
    """
    for path in sorted(root.glob(f"{_PREFIX}*")):
        with _locked(root):
            try:
                lock = os.open(path / _LOCK, os.O_RDONLY)
            except OSError:
                # Another worker has just removed it, or no worker made it.
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
        try:
            rescue(path)
            shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(lock)


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Exclude other workers while a folder is made or taken: before its lock is held, a new folder looks abandoned."""
    folder = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
