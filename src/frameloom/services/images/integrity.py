"""Whether the bytes of an image are a whole one: what a full disk or a cut connection leaves is not.

Each check walks the structure of its format from the first byte to the last. No pixel is decoded, so a
4K frame takes milliseconds.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import overload

from frameloom.model.errors import FrameInvalid
from frameloom.model.settings import FrameFormat

ENDS_EARLY = "it ends before its end"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """What an image says of itself: its size in pixels, the bits of one channel and how many channels."""

    width: int
    height: int
    bit_depth: int
    channels: int


@overload
def check_image(data: bytes, *, format: FrameFormat, frame: int, size: tuple[int, int] | None) -> ImageFacts: ...
@overload
def check_image(data: bytes, *, format: str, frame: int, size: tuple[int, int] | None) -> ImageFacts | None: ...
def check_image(
    data: bytes,
    *,
    format: str,  # noqa: A002  as Blender calls it
    frame: int,
    size: tuple[int, int] | None,
) -> ImageFacts | None:
    """Return the facts of a whole image in one of Blender's formats, None for one that is not looked into.

    Args:
        size: the width and height in pixels it must have; any when None.

    Raises:
        FrameInvalid: it is empty, not whole, not of `format`, or of another size.
    """
    check = {"PNG": check_png, "OPEN_EXR": check_exr, "JPEG": check_jpeg}.get(format)
    if check is not None:
        return check(data, frame=frame, size=size)
    if not data:
        raise FrameInvalid(frame=frame, problem="it is empty")
    return None


def check_png(data: bytes, *, frame: int, size: tuple[int, int] | None = None) -> ImageFacts:
    """Return the facts of a whole PNG: every chunk's checksum holds, IEND is the last, nothing follows it.

    Raises:
        FrameInvalid: it is not a whole PNG, or not of `size`.
    """
    return _checked(_read_png, data, frame=frame, size=size)


def check_exr(data: bytes, *, frame: int, size: tuple[int, int] | None = None) -> ImageFacts:
    """Return the facts of a whole OpenEXR of one part in scan lines, as Blender writes OPEN_EXR.

    Every block of lines is where the table of offsets says, and the last one ends where the file ends. The
    size is that of the data window, the bit depth that of the deepest channel.

    Raises:
        FrameInvalid: it is not such a file, not whole, or not of `size`.
    """
    return _checked(_read_exr, data, frame=frame, size=size)


def check_jpeg(data: bytes, *, frame: int, size: tuple[int, int] | None = None) -> ImageFacts:
    """Return the facts of a whole JPEG: from its start through every segment to its end, with nothing behind.

    Raises:
        FrameInvalid: it is not a whole JPEG, or not of `size`.
    """
    return _checked(_read_jpeg, data, frame=frame, size=size)


class _NotWholeError(ValueError):
    """The image is not whole; the text says why."""


def _checked(
    read: Callable[[bytes], ImageFacts], data: bytes, *, frame: int, size: tuple[int, int] | None
) -> ImageFacts:
    try:
        facts = read(data)
    except _NotWholeError as error:
        raise FrameInvalid(frame=frame, problem=str(error)) from None
    except struct.error:  # a field that should be there lies beyond the end
        raise FrameInvalid(frame=frame, problem=ENDS_EARLY) from None
    if size is not None and (facts.width, facts.height) != size:
        problem = "it is {} x {} pixels, not {} x {}".format(facts.width, facts.height, *size)
        raise FrameInvalid(frame=frame, problem=problem)
    return facts


def _signed(data: bytes, signature: bytes, name: str) -> None:
    if not data:
        raise _NotWholeError("it is empty")
    if not data.startswith(signature):
        raise _NotWholeError(ENDS_EARLY if signature.startswith(data) else f"it is no {name}")


# PNG: https://www.w3.org/TR/png-3/, 5 Datastream structure and 11.2.1 IHDR

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER = struct.Struct(">IIBBBBB")
# Colour type -> channels, bit depths.
_PNG_COLOURS = {
    0: (1, (1, 2, 4, 8, 16)),
    2: (3, (8, 16)),
    3: (1, (1, 2, 4, 8)),
    4: (2, (8, 16)),
    6: (4, (8, 16)),
}


def _read_png(data: bytes) -> ImageFacts:
    _signed(data, _PNG, "PNG")
    facts, pixels = None, False
    for kind, start, length in _png_chunks(data):
        if (kind == b"IHDR") != (facts is None):
            raise _NotWholeError("it does not begin with one header")
        if facts is None:
            facts = _png_header(data, start, length)
        pixels = pixels or (kind == b"IDAT" and length > 0)
    if facts is None or not pixels:
        raise _NotWholeError("it holds no pixels")
    return facts


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's type, where its data start, and their length, up to IEND, which must be the last."""
    view, at = memoryview(data), len(_PNG)
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        (checksum,) = struct.unpack_from(">I", data, start + length)
        if zlib.crc32(view[at + 4 : start + length]) != checksum:
            raise _NotWholeError(f"its data are damaged (checksum of {kind!r} at byte {at})")
        at = start + length + 4
        if kind == b"IEND":
            break
        yield kind, start, length
    if length or at != len(data):
        raise _NotWholeError("something follows its end")


def _png_header(data: bytes, start: int, length: int) -> ImageFacts:
    width, height, bits, colour, packing, filtering, interlace = _PNG_HEADER.unpack_from(data, start)
    channels, depths = _PNG_COLOURS.get(colour, (0, ()))
    if (
        length != _PNG_HEADER.size
        or not width
        or not height
        or bits not in depths
        or packing
        or filtering
        or interlace > 1
    ):
        raise _NotWholeError("its header makes no sense")
    return ImageFacts(width=width, height=height, bit_depth=bits, channels=channels)


# OpenEXR: https://openexr.com/en/latest/OpenEXRFileLayout.html

_EXR = b"\x76\x2f\x31\x01"
# Compression (none, RLE, ZIPS, ZIP, PIZ, PXR24, B44, B44A, DWAA, DWAB) -> lines in a block.
_EXR_LINES = (1, 1, 1, 16, 32, 16, 32, 32, 32, 256)
# Channel type (whole number, half, float) -> bits.
_EXR_BITS = {0: 32, 1: 16, 2: 32}
# Version 2, and no flag but, perhaps, that names may be long: no tiles, no parts, no deep data.
_EXR_PLAIN = {0x002, 0x402}


def _read_exr(data: bytes) -> ImageFacts:
    _signed(data, _EXR, "OpenEXR")
    if struct.unpack_from("<I", data, 4)[0] not in _EXR_PLAIN:
        raise _NotWholeError("it is an OpenEXR of another kind than Blender writes")
    attributes, table = exr_attributes(data)
    try:
        left, top, right, bottom = struct.unpack("<4i", attributes[b"dataWindow"])
        lines = _EXR_LINES[attributes[b"compression"][0]]
        bits = [_EXR_BITS[kind] for kind in _exr_channels(attributes[b"channels"])]
    except (KeyError, IndexError, struct.error):
        raise _NotWholeError("its header makes no sense") from None
    if right < left or bottom < top or not bits:
        raise _NotWholeError("its header makes no sense")
    firsts = range(top, bottom + 1, lines)
    end = table + 8 * len(firsts)
    for first, offset in zip(firsts, struct.unpack_from(f"<{len(firsts)}Q", data, table), strict=True):
        if not table < offset < len(data):
            raise _NotWholeError(f"line {first} was never written, or lies beyond the end")
        line, length = struct.unpack_from("<iI", data, offset)
        if line != first:
            raise _NotWholeError(f"line {first} is not where it should be")
        end = max(end, offset + 8 + length)
    if end != len(data):
        raise _NotWholeError(ENDS_EARLY if end > len(data) else "something follows its end")
    return ImageFacts(width=right - left + 1, height=bottom - top + 1, bit_depth=max(bits), channels=len(bits))


def exr_attributes(data: bytes) -> tuple[dict[bytes, bytes], int]:
    """Return the attributes of an OpenEXR's header and where the table of its offsets starts.

    Raises:
        ValueError, struct.error: it ends early.
    """
    attributes, at = {}, 8
    while name := _exr_text(data, at):
        at += len(name) + 1
        at += len(_exr_text(data, at)) + 1
        (length,) = struct.unpack_from("<I", data, at)
        attributes[name] = data[at + 4 : at + 4 + length]
        at += 4 + length
    return attributes, at + 1


def _exr_text(data: bytes, at: int) -> bytes:
    end = data.find(b"\0", at, at + 256)
    if end < 0:
        raise _NotWholeError(ENDS_EARLY)
    return data[at:end]


def _exr_channels(channels: bytes) -> Iterator[int]:
    """Yield the type of each channel."""
    at = 0
    while name := _exr_text(channels, at):
        at += len(name) + 1
        yield struct.unpack_from("<i", channels, at)[0]
        at += 16


# JPEG: ITU-T T.81, annex B

_JPEG = b"\xff\xd8\xff"
# A marker amid coded pixels, where 0xff00 is a byte of them and 0xffd0 to 0xffd7 only count intervals.
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])", re.DOTALL)
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
# Start of frame, of any process; 0xc4, 0xc8 and 0xcc in between are none.
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def _read_jpeg(data: bytes) -> ImageFacts:
    _signed(data, _JPEG, "JPEG")
    facts, pixels, at = None, False, 2
    while True:
        match = _JPEG_MARKER.search(data, at) if pixels else _JPEG_MARKER.match(data, at)
        if match is None:
            raise _NotWholeError(ENDS_EARLY if pixels or at >= len(data) - 1 else "its data are damaged")
        marker, at = match.group(1)[0], match.end()
        if marker == _END_OF_IMAGE:
            break
        (length,) = struct.unpack_from(">H", data, at)
        if marker in _START_OF_FRAME:
            bits, height, width, channels = struct.unpack_from(">BHHB", data, at + 2)
            facts = ImageFacts(width=width, height=height, bit_depth=bits, channels=channels)
        pixels = marker == _START_OF_SCAN or pixels
        at += length
    if facts is None or not pixels or not facts.width or not facts.height:
        raise _NotWholeError("it holds no pixels")
    if at != len(data):
        raise _NotWholeError("something follows its end")
    return facts
