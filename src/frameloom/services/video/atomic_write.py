"""Files that are there whole or not at all, and the one error for all that libav and the disk refuse."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from frameloom.model.errors import EncodeFailed

if TYPE_CHECKING:
    from av.packet import Packet

# PyAV raises ValueError for what it refuses by itself, before it asks libav.
REFUSALS = (av.FFmpegError, OSError, ValueError)


@contextmanager
def whole_file(out: Path) -> Iterator[Path]:
    """Yield a path beside `out` to write to; it becomes `out` at the end, and vanishes on any error.

    What stood at `out` before stays until then, and after an error.

    Raises:
        EncodeFailed: `out` cannot be replaced. What the block raises is passed on.
    """
    # Beside it, since a rename is atomic within one file system only.
    part = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        with refusals(out.name):
            part.replace(out)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Yield the mp4 or mov at `path` and its video.

    Raises:
        EncodeFailed: there is none, or libav or the disk refuses something in the block.
    """
    with refusals(path.name), av.open(url(path), format="mp4") as container:
        yield container, video_in(container, path.name)


def video_in(container: InputContainer, name: str) -> VideoStream:
    """Return the video that a file, `name` in errors, holds.

    Raises:
        EncodeFailed: there is none.
    """
    if not container.streams.video:
        raise EncodeFailed(problem=f"{name}: there is no video in it")
    return container.streams.video[0]


def is_whole(packet: "Packet[VideoStream]") -> bool:
    """Return whether a packet is a frame, with all its bytes.

    The last packet of a video is empty, to tell a decoder that no more will come; where the file was cut
    off, the one before is shorter than the index says.
    """
    return bool(packet.size) and not packet.is_corrupt


@contextmanager
def refusals(name: str) -> Iterator[None]:
    """Turn whatever libav or the disk refuses in the block into an error about the file of this name.

    Raises:
        EncodeFailed: they refused.
    """
    try:
        yield
    except REFUSALS as error:
        raise EncodeFailed(problem=f"{name}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """Return an error's own words, without its number and the name of libav's function."""
    return str(getattr(error, "strerror", None) or error)


def url(path: Path) -> str:
    """Return a path as libav takes it: without the prefix, `a:b.mp4` would be a protocol called a."""
    return f"file:{path}"
