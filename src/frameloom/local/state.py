"""How other commands find the farm that `frameloom farm up` runs: a file with its address, its key and its process.

The farm's process holds a lock on another file as long as it lives. The lock goes with the process, however that
ends; so a file without a lock is that of a farm that was killed. Its process id may be another program's by now.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from frameloom.local.home import home, is_ours, private_home, write_whole
from frameloom.model.errors import FarmUnavailable

_PROC = Path("/proc")
# How long a command that looks for a farm may hold the lock against one that starts, in seconds.
_LOOKING = 1.0
# How long a farm may take to accept a connection, in seconds: one that is up does so at once, however busy it is.
_ACCEPTS_WITHIN = 5.0


def _this_process() -> str:
    return started(os.getpid())


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmState:
    """A farm that runs: its stack's outputs, and the variables that a client of it needs, its key among them.

    `workers` is how many it has or may come to have, None where that is not said. `pid` and `began`, the time at which
    that process started, name its process: numbers are used again.
    """

    endpoint: str
    outputs: Mapping[str, str]
    environment: Mapping[str, str]
    workers: int | None = None
    pid: int = field(default_factory=os.getpid)
    began: str = field(default_factory=_this_process)

    @classmethod
    def load(cls) -> Self | None:
        """Return the farm that runs; None where there is none. What one that was killed has left is removed."""
        folder = home()
        if not (is_ours(folder) and is_ours(_lock_file(folder))):
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
        """Let other commands find this farm; only in a block of `held`."""
        write_whole(_state_file(private_home()), json.dumps(asdict(self), indent=2))

    def answers(self) -> bool:
        """Return whether somebody listens at the farm's endpoint."""
        parts = urlsplit(self.endpoint)
        with suppress(OSError), socket.create_connection((parts.hostname, parts.port), timeout=_ACCEPTS_WITHIN):
            return True
        return False

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the farm's process if it is still there, and never to another that has its number."""
        with suppress(ProcessLookupError):
            if not hasattr(os, "pidfd_open"):
                if started(self.pid) == self.began:
                    os.kill(self.pid, number)
                return
            # It stands for one process, also when that is gone.
            process = os.pidfd_open(self.pid)
            try:
                if started(self.pid) == self.began:
                    signal.pidfd_send_signal(process, number)
            finally:
                os.close(process)


@contextmanager
def held() -> Iterator[None]:
    """Be the one farm of this home that other commands can find; the lock goes with the block, or with the process.

    Raises:
        FarmUnavailable: there is another, or the home is not this user's.
    """
    folder = private_home()
    deadline = time.monotonic() + _LOOKING
    with _lock_file(folder).open("ab") as lock:
        while not _locked(lock.fileno(), fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise FarmUnavailable(problem="A local farm is starting or ending already: try again when it has.")
            time.sleep(0.02)
        _state_file(folder).unlink(missing_ok=True)
        try:
            yield
        finally:
            _state_file(folder).unlink(missing_ok=True)


def is_held() -> bool:
    """Return whether a farm's process lives, found by other commands or not."""
    try:
        with _lock_file(home()).open("rb") as lock:
            return not _locked(lock.fileno(), fcntl.LOCK_SH)
    except OSError:
        return False


def started(pid: int) -> str:
    """Return when a process started, in the system's own words; nothing where there is no such process.

    Source: proc_pid_stat(5), field 22.
    """
    if not _PROC.joinpath("self", "stat").exists():
        command = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    try:
        # What stands before the last parenthesis is a name, which may hold anything.
        return (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _locked(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _state_file(folder: Path) -> Path:
    return folder / "farm.json"


def _lock_file(folder: Path) -> Path:
    return folder / "farm.lock"
