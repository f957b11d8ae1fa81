"""The error for everything that libav or the disk refuses."""

from collections.abc import Iterator
from contextlib import contextmanager

import av

from frameloom.model.errors import EncodeFailed

# PyAV raises ValueError for arguments that it refuses before it calls libav.
REFUSALS = (av.FFmpegError, OSError, ValueError)


@contextmanager
def refusals(name: str) -> Iterator[None]:
    """Turn an error of libav or the disk in the block into an error about the file of this name.

    Raises:
        EncodeFailed: they refused.
    """
    try:
        yield
    except REFUSALS as error:
        raise EncodeFailed(problem=f"{name}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """Return an error's text without its number and the name of libav's function."""
    return str(getattr(error, "strerror", None) or error)
