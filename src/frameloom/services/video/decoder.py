"""Decodes one image with libav, and treats the errors in libav's log as errors.

libav returns an image for a damaged file: a block of an OpenEXR that it cannot unpack is black or uninitialized, and
the rest of a JPEG that is cut off is grey. It reports that only in its log.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import av
import av.logging
from av.video.frame import VideoFrame

from frameloom.services.video.refusals import reason

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

# A line of libav's log: level, component and text.
Line = tuple[int, str, str]
# libav has one log level for the process.
_log = threading.Lock()


class PixelsInvalidError(ValueError):
    """An image's pixels are damaged; the text is the end of a sentence about the image."""


def decode(codec: str, data: bytes) -> VideoFrame:
    """Return the image in a complete file, decoded with libav's `codec`.

    Raises:
        PixelsInvalidError: libav refuses the file, or has logged an error.
    """
    # A new decoder for each image, since a used decoder may draw an image over the previous one. One thread, since the
    # log of other threads is not captured.
    decoder = cast("VideoCodecContext", av.CodecContext.create(codec, "r"))
    decoder.thread_count = 1
    with _logged_errors() as errors:
        try:
            images = decoder.decode(av.Packet(data))
        except av.FFmpegError as error:
            raise PixelsInvalidError(reason(error) + "".join(f"; {text}" for text in _texts(errors)[:1])) from error
    if errors:
        raise PixelsInvalidError(f"its pixels are damaged ({_texts(errors)[0]})")
    if not images:
        raise PixelsInvalidError("it has no image")
    return images[0]


@contextmanager
def _logged_errors() -> Iterator[list[Line]]:
    """Yield the list of errors that libav logs in this thread during the block; it grows meanwhile."""
    with _log:
        level, skip = av.logging.get_level(), av.logging.get_skip_repeated()
        # The same error may have been logged for the previous image.
        av.logging.set_skip_repeated(False)
        av.logging.set_level(av.logging.ERROR)
        try:
            with av.logging.Capture() as lines:
                yield lines
        finally:
            av.logging.set_level(level)
            av.logging.set_skip_repeated(skip)


def _texts(lines: list[Line]) -> list[str]:
    return [text.strip().rstrip(".") for _, _, text in lines]
