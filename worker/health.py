"""The worker's health check: the worker touches a file, and the check fails when the file is too old.

    python -m worker.health

exits with 0 while the worker is alive. The container's health check and the Kubernetes probe call it every half minute,
so it imports the standard library alone.
"""

import contextlib
import os
import sys
import time
from datetime import timedelta
from pathlib import Path

# A poll takes 20 s and heartbeats come every 30 s. A network outage delays both, and a worker that is restarted for it
# would only lose its scenes.
LONGEST_SILENCE = timedelta(minutes=5)


class Health:
    """The file that the worker touches; with `None` as path it touches nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def touch(self) -> None:
        """Record that the worker is alive; any thread may call it."""
        if self._path is None:
            return
        # A full disk must not end a chunk. The check finds it, since the file grows old.
        with contextlib.suppress(OSError):
            self._path.touch()


def problem(path: Path, *, now: float) -> str | None:
    """Return why the worker that touches `path` is not alive, None if it is; `now` in seconds of Unix time."""
    try:
        silence = timedelta(seconds=round(now - path.stat().st_mtime))
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return f"the worker has been silent for {silence}" if silence > LONGEST_SILENCE else None


def main() -> int:
    """Return 0 if the worker is alive, 1 if not, 2 if HEALTH_FILE is not set."""
    path = os.environ.get("HEALTH_FILE")
    if not path:
        print("HEALTH_FILE is not set: set it to the path that the worker touches", file=sys.stderr)
        return 2
    wrong = problem(Path(path), now=time.time())
    if wrong is not None:
        print(wrong, file=sys.stderr)
    return 0 if wrong is None else 1


if __name__ == "__main__":
    sys.exit(main())
