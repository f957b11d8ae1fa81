"""Videos that are read from a file object, and written to one, wherever its bytes come from and go to."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, cast

import av
from av.container import InputContainer, OutputContainer
from av.video.stream import VideoStream

from frameloom.services.video.atomic_write import refusals, video_in

# What libav reads and writes at once.
BUFFER_BYTES = 256 * 1024


@contextmanager
def reading(file: io.IOBase, name: str) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Yield the mp4 or mov that `file` holds and its video. What `file` raises is passed on.

    Raises:
        EncodeFailed: there is none, or libav or a disk refuses something in the block.
    """
    with refusals(name), av.open(_File(file), format="mp4", buffer_size=BUFFER_BYTES) as container:
        yield container, video_in(container, name)


@contextmanager
def writing(file: io.IOBase, name: str, *, kind: str, options: Mapping[str, str]) -> Iterator[OutputContainer]:
    """Yield a video to fill, which is whole at the end of the block. What `file` raises is passed on.

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
            # Nobody wants the file any more, and an error on closing it would only hide the one that is under way.
            passed.let_go()
            with suppress(Exception):
                container.close()
            raise
        container.close()


class _File:
    """A file as libav takes it, which can be let go of."""

    def __init__(self, file: io.IOBase) -> None:
        self._file: Any = file

    def let_go(self) -> None:
        """Have whatever else is written go nowhere."""
        self._file = io.BytesIO()

    def read(self, size: int) -> Any:
        return self._file.read(size)

    def write(self, data: bytes) -> Any:
        return self._file.write(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> Any:
        return self._file.seek(offset, whence)

    def tell(self) -> Any:
        return self._file.tell()
