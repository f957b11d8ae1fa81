"""Whether a PNG can be of one colour at all: most frames show with their first line that they are not."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from itertools import accumulate

# Levels of 8 bits that one colour may spread over: Blender dithers what it rounds to 8 bits.
NEAR = 4

_SIGNATURE, _HEADER = 8, struct.Struct(">IIBBBBB")
# Colour type -> channels. A palette is none that Blender writes.
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
# Packed bytes that are unpacked at a time: deflate makes at most a thousand times as much of them.
_SLICE = 4096


def png_may_be_flat(data: bytes) -> bool:
    """Return whether all pixels of the first line are of one colour, or nearly.

    It unpacks no more than that line. A PNG that is damaged, interlaced or of less than 8 bits is not called flat.
    Source: https://www.w3.org/TR/png-3/, 9 Filtering.
    """
    try:
        width, _, bits, colour, _, _, interlace = _HEADER.unpack_from(data, _SIGNATURE + 8)
        if bits < 8 or interlace or colour not in _CHANNELS:
            return False
        step = bits // 8
        pixel = _CHANNELS[colour] * step
        line = _unpacked(data, 1 + width * pixel)
        # Of 16 bits the upper byte, which comes first.
        return all(_nearly_one(line[0], line[1 + at :: pixel]) for at in range(0, pixel, step))
    except (struct.error, zlib.error, IndexError):
        # Whether it is whole is for check_image to say.
        return False


def _nearly_one(number: int, channel: bytes) -> bool:
    values = set(_values(number, channel))
    return max(values) - min(values) <= NEAR


def _values(number: int, channel: bytes) -> Iterable[int]:
    """Return what a filter of PNG made of one channel of the first line, which has nothing above it."""
    if number in (1, 4):
        # Sub, and Paeth: without a line above it, what is left of the pixel is the nearest.
        return accumulate(channel, lambda left, byte: (left + byte) % 256)
    if number == 3:
        return accumulate(channel, lambda left, byte: (left // 2 + byte) % 256)
    return channel


def _unpacked(data: bytes, length: int) -> bytes:
    """Return the first `length` bytes of the pixels.

    Raises:
        IndexError: there are not as many.
    """
    unpacked, line = zlib.decompressobj(), bytearray()
    for packed in _packed(data):
        line += unpacked.decompress(packed)
        if len(line) >= length:
            return bytes(line[:length])
    raise IndexError(length)


def _packed(data: bytes) -> Iterator[bytes]:
    at = _SIGNATURE
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IDAT":
            for start in range(at + 8, at + 8 + size, _SLICE):
                yield data[start : min(start + _SLICE, at + 8 + size)]
        at += 12 + size
