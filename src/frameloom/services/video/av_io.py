"""Videos that libav reads from and writes to a file object or a path."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
from av.container import InputContainer, OutputContainer
from av.video.stream import VideoStream

from frameloom.model.errors import EncodeFailed
from frameloom.services.video.refusals import refusals

if TYPE_CHECKING:
    from av.packet import Packet

# The bytes that libav reads or writes in one call.
BUFFER_BYTES = 256 * 1024


@contextmanager
def reading(file: io.IOBase, name: str) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Yield the mp4 or mov in `file` and its video stream. Errors of `file` are passed on.

    Raises:
        EncodeFailed: there is no video, or libav or a disk refuses something in the block.
    """
    with refusals(name), av.open(_File(file), format="mp4", buffer_size=BUFFER_BYTES) as container:
        yield container, video_in(container, name)


@contextmanager
def writing(file: io.IOBase, name: str, *, kind: str, options: Mapping[str, str]) -> Iterator[OutputContainer]:
    """Yield a video to fill, which is complete at the end of the block. Errors of `file` are passed on.

    Raises:
        EncodeFailed: libav or a disk refuses something in the block.
    """
    passed = _File(file)
    with refusals(name):
        container = cast(
            "OutputContainer",
            av.open(passed, "w", format=kind, container_options=dict(options), buffer_size=BUFFER_BYTES),
        )
        try:
            yield container
        except BaseException:
            # The file is abandoned, and an error on closing it would hide this one.
            passed.detach()
            with suppress(Exception):
                container.close()
            raise
        container.close()


def video_in(container: InputContainer, name: str) -> VideoStream:
    """Return the video stream of a file, called `name` in errors.

    Raises:
        EncodeFailed: it has no video stream.
    """
    if not container.streams.video:
        raise EncodeFailed(problem=f"{name}: it has no video stream")
    return container.streams.video[0]


def is_whole(packet: "Packet[VideoStream]") -> bool:
    """Return whether a packet is a complete frame.

    The last packet of a video is empty: it flushes the decoder. If the file was cut off, the packet before it is
    shorter than in the index.
    """
    return bool(packet.size) and not packet.is_corrupt


def url(path: Path) -> str:
    """Return a path for libav: without the prefix, the `a` of `a:b.mp4` would be a protocol."""
    return f"file:{path}"


class _File:
    """A file object for libav, which can be detached."""

    def __init__(self, file: io.IOBase) -> None:
        self._file: Any = file

    def detach(self) -> None:
        """Discard everything that is written from now on."""
        self._file = io.BytesIO()

    def read(self, size: int) -> Any:
        return self._file.read(size)

    def write(self, data: bytes) -> Any:
        return self._file.write(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> Any:
        return self._file.seek(offset, whence)

    def tell(self) -> Any:
        return self._file.tell()
