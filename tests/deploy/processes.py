"""Processes that last as long as a test needs them, and not a moment longer."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from frameloom.local import worker_processes


@contextmanager
def kept_running(
    command: list[str], *, folder: Path, logs: Path, environment: Mapping[str, str], remove: Path | None = None
) -> Iterator[Path]:
    """Keep a process running in `folder` and give its log; with the block it ends, and all its children.

    The local farm's fleet does it: it ends them, and then removes the folder `remove`, even where this process is
    killed.
    """
    logs.mkdir()
    order = {
        "count": 1,
        "most": 1,
        "command": command,
        "cwd": str(folder),
        "logs": str(logs),
        "environment": dict(environment),
    }
    with subprocess.Popen(
        [sys.executable, "-m", worker_processes.__name__, *([] if remove is None else ["--remove", str(remove)])],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        yield logs / "worker-1.log"
        # The end of its input is the end of it; `with` closes that, and waits.


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for_port(port: int, log: Path, *, within: float = 30) -> None:
    """Return when something listens on a port of 127.0.0.1, or fail with what it has logged."""
    until = time.monotonic() + within
    while True:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < until, log.read_text(errors="replace") if log.exists() else "it was never started"
        time.sleep(0.05)
