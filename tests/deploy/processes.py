"""Processes that run for the duration of a test."""

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
    """Run a process in `folder` during the block and yield its log; it ends with all its children.

    The local farm's worker_processes runs it: even if this process is killed, it ends the children and removes the
    folder `remove`.
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
        # It ends at the end of its input, which `with` closes.


def free_port() -> int:
    """Return a free port of 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for_port(port: int, log: Path, *, within: float = 30) -> None:
    """Wait until a process listens on a port of 127.0.0.1; fail with its log after `within` seconds."""
    until = time.monotonic() + within
    while True:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < until, (
            log.read_text(errors="replace") if log.exists() else "The process wrote no log."
        )
        time.sleep(0.05)
