"""Whether the worker lives: a file that it touches as it goes, and the question how long ago that was.

    python -m worker.health

exits with 0 while the worker lives: the health check of its container, and its probe in Kubernetes. It needs
nothing but Python, since it is asked every half minute.
"""

import contextlib
import os
import sys
import time
from datetime import timedelta
from pathlib import Path

# A poll takes 20 s, and a beat comes every 30; a network that is down holds either up for a while longer, and a
# worker that was ended for that would only lose its scenes.
LONGEST_SILENCE = timedelta(minutes=5)


class Health:
    """The file that says when the worker last came round; without a path, nothing is said."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def touch(self) -> None:
        """Say that the worker lives, from whichever thread."""
        if self._path is None:
            return
        # A disk that takes no more is what the check is to find, not what ends a chunk.
        with contextlib.suppress(OSError):
            self._path.touch()


def problem(path: Path, *, now: float) -> str | None:
    """Return what is wrong with a worker that touches `path`, None where it lives; `now` in seconds of Unix time."""
    try:
        silence = timedelta(seconds=round(now - path.stat().st_mtime))
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return f"the worker has been silent for {silence}" if silence > LONGEST_SILENCE else None


def main() -> int:
    """Return 0 when the worker lives, 1 when it does not, 2 when nobody said where it tells."""
    path = os.environ.get("HEALTH_FILE")
    if not path:
        print("HEALTH_FILE is not set", file=sys.stderr)
        return 2
    wrong = problem(Path(path), now=time.time())
    if wrong is not None:
        print(wrong, file=sys.stderr)
    return 0 if wrong is None else 1


if __name__ == "__main__":
    sys.exit(main())
