"""One image from one file, by libav, which by itself hands out whatever it could make of a damaged one.

What it finds wrong it tells its log alone: a block of an OpenEXR that it cannot unpack is black or what stood in
memory, the rest of a JPEG that ends early is grey, and neither is an error or a flag of the image. So its log is read.
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

# Of libav's log: its level, what it speaks of, and the text.
Line = tuple[int, str, str]
# What libav logs at all is set for the process.
_log = threading.Lock()


class PixelsInvalidError(ValueError):
    """What is wrong with an image's pixels, as the end of a sentence."""


def decode(codec: str, data: bytes) -> VideoFrame:
    """Return the image in a whole file, as libav's `codec` decodes it.

    Raises:
        PixelsInvalidError: libav refuses it, or has found something wrong with it.
    """
    # A new decoder for each image: one that is used again may draw an image over the one before it. One thread, since
    # those of others have a log of their own.
    decoder = cast("VideoCodecContext", av.CodecContext.create(codec, "r"))
    decoder.thread_count = 1
    with _complaints() as complaints:
        try:
            images = decoder.decode(av.Packet(data))
        except av.FFmpegError as error:
            raise PixelsInvalidError(reason(error) + "".join(f"; {text}" for text in _words(complaints)[:1])) from error
    if complaints:
        raise PixelsInvalidError(f"its pixels are damaged ({_words(complaints)[0]})")
    if not images:
        raise PixelsInvalidError("it has no image")
    return images[0]


@contextmanager
def _complaints() -> Iterator[list[Line]]:
    """Yield what libav finds wrong in this thread while the block runs: a list that grows."""
    with _log:
        level, skip = av.logging.get_level(), av.logging.get_skip_repeated()
        # Repeated words are those of the image before as well.
        av.logging.set_skip_repeated(False)
        av.logging.set_level(av.logging.ERROR)
        try:
            with av.logging.Capture() as lines:
                yield lines
        finally:
            av.logging.set_level(level)
            av.logging.set_skip_repeated(skip)


def _words(lines: list[Line]) -> list[str]:
    return [text.strip().rstrip(".") for _, _, text in lines]
