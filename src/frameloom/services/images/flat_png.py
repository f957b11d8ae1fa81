"""Flat PNG frames, in which all pixels have one colour: most frames prove with their first line that they are not."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from itertools import accumulate

from frameloom.services.images.png_chunks import PALETTE, png_chunks, png_header

# The range of 8-bit levels that still counts as one colour: Blender dithers when it rounds to 8 bits.
NEAR = 4
# Compressed bytes per step: deflate expands them at most a thousand times.
_SLICE = 4096


def png_may_be_flat(data: bytes) -> bool:
    """Return whether the pixels of the first line have one colour, or nearly.

    Only that line is decompressed. A PNG that is damaged, interlaced, of less than 8 bits or with a palette is not
    called flat. Source: https://www.w3.org/TR/png-3/, 9 Filtering.
    """
    try:
        header = png_header(data)
        if header.bit_depth < 8 or header.interlace or header.colour_type == PALETTE:
            return False
        step = header.bit_depth // 8
        pixel = header.channels * step
        line = _first_bytes(data, 1 + header.width * pixel)
        # Of 16 bits, the upper byte comes first and is enough.
        return all(_nearly_equal(line[0], line[1 + at :: pixel]) for at in range(0, pixel, step))
    except (struct.error, zlib.error, LookupError):
        # check_image reports damage.
        return False


def _nearly_equal(filter_type: int, channel: bytes) -> bool:
    values = set(_unfiltered(filter_type, channel))
    return max(values) - min(values) <= NEAR


def _unfiltered(filter_type: int, channel: bytes) -> Iterable[int]:
    """Return the values of one channel of the first line, which has no line above it."""
    if filter_type in (1, 4):
        # Sub; and Paeth, which then predicts the pixel to the left.
        return accumulate(channel, lambda left, byte: (left + byte) % 256)
    if filter_type == 3:
        return accumulate(channel, lambda left, byte: (left // 2 + byte) % 256)
    return channel


def _first_bytes(data: bytes, length: int) -> bytes:
    """Return the first `length` bytes of the decompressed pixels.

    Raises:
        IndexError: the pixels have fewer bytes.
    """
    inflater, line = zlib.decompressobj(), bytearray()
    for piece in _compressed(data):
        line += inflater.decompress(piece)
        if len(line) >= length:
            return bytes(line[:length])
    raise IndexError(length)


def _compressed(data: bytes) -> Iterator[bytes]:
    for chunk in png_chunks(data):
        if chunk.kind == b"IDAT":
            for start in range(chunk.start, chunk.end, _SLICE):
                yield data[start : min(start + _SLICE, chunk.end)]
