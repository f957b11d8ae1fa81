"""The state file of `frameloom farm up`, by which other commands find the farm: its address, key and process id.

The farm's process holds a lock on another file for its lifetime. The kernel releases the lock when the process ends,
so a state file without a lock is stale, and its process id may have been reused.
"""

import fcntl
import json
import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO, Self
from urllib.parse import urlsplit

from frameloom.local.user_folder import home, is_ours, private_home, write_whole
from frameloom.model.errors import FarmUnavailable

_PROC = Path("/proc")
# How long a starting farm waits for commands that only test the lock, in seconds.
_LOOKING = 1.0
# Timeout for a connection to the endpoint, in seconds. The kernel accepts it, however busy the farm is.
_ACCEPTS_WITHIN = 5.0


def _this_process() -> str:
    return started(os.getpid())


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmState:
    """A running farm: its stack's outputs, and the environment variables for its clients, which include its key.

    `workers` is how many it has or may start, None if unknown. `pid` and `began`, the start time of that process,
    identify the process, since process ids are reused.
    """

    endpoint: str
    outputs: Mapping[str, str]
    environment: Mapping[str, str]
    workers: int | None = None
    pid: int = field(default_factory=os.getpid)
    began: str = field(default_factory=_this_process)

    @classmethod
    def load(cls) -> Self | None:
        """Return the running farm, or None; remove a stale state file."""
        folder = home()
        if not (is_ours(folder) and is_ours(_lock_file(folder)) and is_ours(_state_file(folder))):
            return None
        with _lock_file(folder).open("rb") as lock:
            if _locked(lock.fileno(), fcntl.LOCK_SH):
                _state_file(folder).unlink(missing_ok=True)
                return None
        try:
            state = cls(**json.loads(_state_file(folder).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return state if started(state.pid) == state.began else None

    def save(self) -> None:
        """Write the state file; call it inside a `held` block.

        Raises:
            FarmUnavailable: it cannot be written.
        """
        file = _state_file(private_home())
        try:
            write_whole(file, json.dumps(asdict(self), indent=2))
        except OSError as error:
            raise FarmUnavailable(problem=f"{file} cannot be written: {error.strerror}.") from None

    def answers(self) -> bool:
        """Return whether the farm's endpoint accepts a connection."""
        parts = urlsplit(self.endpoint)
        with suppress(OSError), socket.create_connection((parts.hostname, parts.port), timeout=_ACCEPTS_WITHIN):
            return True
        return False

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the farm's process, never to another process that has reused its id."""
        with suppress(ProcessLookupError):
            if not hasattr(os, "pidfd_open"):
                if started(self.pid) == self.began:
                    os.kill(self.pid, number)
                return
            # A pidfd refers to one process, even if that ends and its id is reused.
            process = os.pidfd_open(self.pid)
            try:
                if started(self.pid) == self.began:
                    signal.pidfd_send_signal(process, number)
            finally:
                os.close(process)


@contextmanager
def held() -> Iterator[None]:
    """Hold the farm lock of this home, which allows one farm.

    Raises:
        FarmUnavailable: another farm holds it, or the home belongs to another user.
    """
    folder = private_home()
    deadline = time.monotonic() + _LOOKING
    with _open_lock(folder) as lock:
        while not _locked(lock.fileno(), fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise FarmUnavailable(problem="Another local farm is starting or ending: try again in a few seconds.")
            time.sleep(0.02)
        _state_file(folder).unlink(missing_ok=True)
        try:
            yield
        finally:
            _state_file(folder).unlink(missing_ok=True)


def is_held() -> bool:
    """Return whether a farm's process runs, even if it has not saved its state."""
    try:
        with open(_lock_file(home()), "rb", opener=_opener) as lock:
            return not _locked(lock.fileno(), fcntl.LOCK_SH)
    except OSError:
        return False


def started(pid: int) -> str:
    """Return a process's start time as the system reports it; empty if there is no such process.

    Source: proc_pid_stat(5), field 22.
    """
    if not _PROC.joinpath("self", "stat").exists():
        command = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    try:
        # The text up to the last parenthesis has the process's name, which may contain any characters.
        return (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _locked(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open_lock(folder: Path) -> BinaryIO:
    """Open the lock's file, which another user may have put there before the folder was private."""
    path = _lock_file(folder)
    try:
        lock = open(path, "ab", opener=_opener)  # noqa: SIM115  the caller closes it
    except OSError as error:
        raise FarmUnavailable(problem=f"{path} cannot be used: {error.strerror}.") from None
    status = os.fstat(lock.fileno())
    if status.st_uid != os.geteuid() or not stat.S_ISREG(status.st_mode):
        lock.close()
        raise FarmUnavailable(problem=f"{path} is not a file of yours: remove it.")
    return lock


def _opener(path: str, flags: int) -> int:
    # A symlink would lead to any file, and a pipe would wait for its other end.
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)


def _state_file(folder: Path) -> Path:
    return folder / "farm.json"


def _lock_file(folder: Path) -> Path:
    return folder / "farm.lock"
