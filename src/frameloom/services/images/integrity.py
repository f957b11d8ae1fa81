"""Checks that an image file is complete: a full disk or a lost connection leaves a part of one.

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
from frameloom.services.images.exr_header import EXR_SIGNATURE, SEVERAL_PARTS, exr_headers
from frameloom.services.images.png_chunks import (
    COLOUR_TYPES,
    PNG_HEADER_BYTES,
    PNG_SIGNATURE,
    PngChunk,
    png_chunks,
    png_header,
)

CUT_OFF = "it is cut off"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """An image's size in pixels, the bits of one channel and the number of channels, from its header."""

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
    """Return the facts of a complete image; None for a format without a check, if the file is not empty.

    Args:
        size: the required width and height in pixels; any when None.

    Raises:
        FrameInvalid: it is empty, incomplete, not of `format`, or of another size.
    """
    check = {"PNG": check_png, "OPEN_EXR": check_exr, "JPEG": check_jpeg}.get(format)
    if check is not None:
        return check(data, frame=frame, size=size)
    if not data:
        raise FrameInvalid(frame=frame, problem="it is empty")
    return None


def image_format(data: bytes) -> FrameFormat | None:
    """Return the format of an image by its first bytes; None for a format without a check of its structure."""
    signatures: dict[bytes, FrameFormat] = {PNG_SIGNATURE: "PNG", EXR_SIGNATURE: "OPEN_EXR", _JPEG: "JPEG"}
    return next((name for signature, name in signatures.items() if data.startswith(signature)), None)


def check_png(data: bytes, *, frame: int, size: tuple[int, int] | None = None) -> ImageFacts:
    """Return the facts of a complete PNG: every chunk's checksum holds, and nothing follows IEND.

    Raises:
        FrameInvalid: it is not a complete PNG, or not of `size`.
    """
    return _checked(_read_png, data, frame=frame, size=size)


def check_exr(data: bytes, *, frame: int, size: tuple[int, int] | None = None) -> ImageFacts:
    """Return the facts of a complete OpenEXR in scan lines, as Blender writes OPEN_EXR: of one part, or one a view.

    Every block of lines is at its offset in the table, and the last one ends where the file ends. The size is
    that of the data window, the bit depth that of the deepest channel.

    Raises:
        FrameInvalid: it is not such a file, incomplete, or not of `size`.
    """
    return _checked(_read_exr, data, frame=frame, size=size)


def check_jpeg(data: bytes, *, frame: int, size: tuple[int, int] | None = None) -> ImageFacts:
    """Return the facts of a complete JPEG: its segments reach from the start to the end marker, the file's end.

    Raises:
        FrameInvalid: it is not a complete JPEG, or not of `size`.
    """
    return _checked(_read_jpeg, data, frame=frame, size=size)


class _NotWholeError(ValueError):
    """The image is not complete; the text is the reason."""


def _checked(
    read: Callable[[bytes], ImageFacts], data: bytes, *, frame: int, size: tuple[int, int] | None
) -> ImageFacts:
    try:
        facts = read(data)
    except _NotWholeError as error:
        raise FrameInvalid(frame=frame, problem=str(error)) from None
    except struct.error:  # a field is beyond the end of the file
        raise FrameInvalid(frame=frame, problem=CUT_OFF) from None
    if size is not None and (facts.width, facts.height) != size:
        problem = "it is {} x {} pixels, not {} x {}".format(facts.width, facts.height, *size)
        raise FrameInvalid(frame=frame, problem=problem)
    return facts


def _require_signature(data: bytes, signature: bytes, name: str) -> None:
    if not data:
        raise _NotWholeError("it is empty")
    if not data.startswith(signature):
        raise _NotWholeError(CUT_OFF if signature.startswith(data) else f"it is not {name}")


def _read_png(data: bytes) -> ImageFacts:
    _require_signature(data, PNG_SIGNATURE, "a PNG")
    facts, pixels = None, False
    for chunk in _png_chunks(data):
        if (chunk.kind == b"IHDR") != (facts is None):
            raise _NotWholeError("it does not start with exactly one header")
        if facts is None:
            facts = _png_facts(data, chunk)
        pixels = pixels or (chunk.kind == b"IDAT" and chunk.end > chunk.start)
    if facts is None or not pixels:
        raise _NotWholeError("it has no pixels")
    return facts


def _png_chunks(data: bytes) -> Iterator[PngChunk]:
    """Yield the chunks before IEND, each with a checksum that holds."""
    view = memoryview(data)
    for chunk in png_chunks(data):
        (checksum,) = struct.unpack_from(">I", data, chunk.end)
        # The checksum covers the chunk's kind and data.
        if zlib.crc32(view[chunk.begin + 4 : chunk.end]) != checksum:
            raise _NotWholeError(f"its data is damaged (checksum of {chunk.kind!r} at byte {chunk.begin + 4})")
        if chunk.kind != b"IEND":
            yield chunk
        elif chunk.end > chunk.start or chunk.end + 4 != len(data):
            raise _NotWholeError("it has extra bytes after its end")


def _png_facts(data: bytes, chunk: PngChunk) -> ImageFacts:
    header = png_header(data)
    channels, depths = COLOUR_TYPES.get(header.colour_type, (0, ()))
    if (
        chunk.end - chunk.start != PNG_HEADER_BYTES
        or not header.width
        or not header.height
        or header.bit_depth not in depths
        or header.compression
        or header.filtering
        or header.interlace > 1
    ):
        raise _NotWholeError("its header is invalid")
    return ImageFacts(width=header.width, height=header.height, bit_depth=header.bit_depth, channels=channels)


# Lines of pixels in a block, by compression.
_EXR_LINES = {"ZIP": 16, "PIZ": 32, "PXR24": 16, "B44": 32, "B44A": 32, "DWAA": 32, "DWAB": 256}
# Bits of a channel, by its type.
_EXR_BITS = {0: 32, 1: 16, 2: 32}
# Version 2, with or without the flag for long names: no tiles, no deep data. In files of several parts, which Blender 5
# writes for the views of a stereo scene, each block starts with the number of its part.
_EXR_PLAIN = {0x002, 0x402}


def _read_exr(data: bytes) -> ImageFacts:
    _require_signature(data, EXR_SIGNATURE, "an OpenEXR")
    version = struct.unpack_from("<I", data, 4)[0]
    if version & ~SEVERAL_PARTS not in _EXR_PLAIN:
        raise _NotWholeError("it has tiles or deep data, unlike an OpenEXR of Blender")
    headers, table = exr_headers(data)
    bits, firsts, sizes = [], [], set()
    try:
        for header in headers:
            left, top, right, bottom = header.data_window
            firsts.append(range(top, bottom + 1, _EXR_LINES.get(header.compression, 1)))
            bits += [_EXR_BITS[kind] for kind in header.channels.values()]
            sizes.add((right - left + 1, bottom - top + 1))
    except (KeyError, IndexError, struct.error):
        raise _NotWholeError("its header is invalid") from None
    if len(sizes) != 1 or min(min(size) for size in sizes) < 1 or not bits:
        raise _NotWholeError("its header is invalid")
    _check_exr_blocks(data, table, firsts, head=4 if version & SEVERAL_PARTS else 0)
    [(width, height)] = sizes
    return ImageFacts(width=width, height=height, bit_depth=max(bits), channels=len(bits))


def _check_exr_blocks(data: bytes, table: int, parts: list[range], *, head: int) -> None:
    """Check that each block is at its offset in the tables, and that the last one ends with the file.

    Args:
        parts: the first lines of the blocks of each part.
        head: the bytes before a block's line, which hold the number of its part.
    """
    end = table + 8 * sum(map(len, parts))
    for firsts in parts:
        for first, offset in zip(firsts, struct.unpack_from(f"<{len(firsts)}Q", data, table), strict=True):
            if not table < offset < len(data):
                raise _NotWholeError(f"line {first} is missing, or is beyond the end")
            line, length = struct.unpack_from("<iI", data, offset + head)
            if line != first:
                raise _NotWholeError(f"line {first} is not at its offset")
            end = max(end, offset + head + 8 + length)
        table += 8 * len(firsts)
    if end != len(data):
        raise _NotWholeError(CUT_OFF if end > len(data) else "it has extra bytes after its end")


# Source: ITU-T T.81, annex B.
_JPEG = b"\xff\xd8\xff"
# A marker amid coded pixels. There, 0xff00 is an escaped byte, and 0xffd0 to 0xffd7 are restart markers.
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])", re.DOTALL)
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
# Start of frame, of any process. 0xc4, 0xc8 and 0xcc have other meanings.
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def _read_jpeg(data: bytes) -> ImageFacts:
    _require_signature(data, _JPEG, "a JPEG")
    facts, pixels, at = None, False, 2
    while True:
        match = _JPEG_MARKER.search(data, at) if pixels else _JPEG_MARKER.match(data, at)
        if match is None:
            raise _NotWholeError(CUT_OFF if pixels or at >= len(data) - 1 else "its data is damaged")
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
        raise _NotWholeError("it has no pixels")
    if at != len(data):
        raise _NotWholeError("it has extra bytes after its end")
    return facts
