"""The pixels of a PNG: whether all are there.

Sound checksums don't tell: a writer may have stopped in the middle of the compressed pixels and closed
the file properly. libav then hands out an image whose last rows are whatever stood in memory. Who wants
to know must decompress them, which is most of the work of decoding an image; so they are handed on
uncompressed, and libav need not do it a second time.
Sources: the PNG specification, third edition (https://www.w3.org/TR/png-3/), 5.3, 7.2, 8.1 and 10.1;
RFC 1950 and RFC 1951, 3.2.4, for pixels that are stored and not compressed.
"""

import struct
import zlib
from collections.abc import Iterator
from functools import reduce

from av.video.frame import VideoFrame

from frameloom.services.video.decoder import PixelsInvalidError, decode

SIGNATURE_BYTES = 8
# Samples of a pixel by colour type.
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# The first column and row of each pass over an image, and the steps to the next ones: at once, or Adam7.
AT_ONCE = ((0, 0, 1, 1),)
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
# As long as a stored block may be, and short enough to be taken in at a time.
BLOCK_BYTES = 65_535


def decode_png(png: bytes) -> VideoFrame:
    """Return the image in a PNG that `check_png` found whole.

    Raises:
        PixelsInvalidError: its pixels are not those that its header says and its writer wrote.
    """
    return decode("png", unpacked(png))


def unpacked(png: bytes) -> bytes:
    """Return the same image with all its pixels uncompressed, and without what follows them.

    `png` is one that `check_png` found whole.

    Raises:
        PixelsInvalidError: there are fewer or more pixels than its header says, or other ones than were
            written.
    """
    expected, found, checksum, blocks = _stored_bytes(png), 0, 1, [b"\x78\x01"]
    try:
        for block in _blocks(png):
            found += len(block)
            if found > expected:
                raise PixelsInvalidError("it holds more pixels than its header says")
            checksum = zlib.adler32(block, checksum)
            blocks += (struct.pack("<BHH", 0, len(block), len(block) ^ 0xFFFF), block)
    except zlib.error as error:
        raise PixelsInvalidError(f"its pixels are damaged ({error})") from error
    if found < expected:
        raise PixelsInvalidError(f"it holds {found} of its {expected} bytes of pixels")
    blocks += (struct.pack("<BHH", 1, 0, 0xFFFF), struct.pack(">I", checksum))
    first = next(at for kind, at, _, _ in _chunks(png) if kind == b"IDAT")
    return b"".join((png[:first], *_chunk(b"IDAT", blocks), *_chunk(b"IEND", [])))


def _blocks(png: bytes) -> Iterator[bytes]:
    """Yield the decompressed pixels; zlib compares their checksum at their end."""
    inflater = zlib.decompressobj()
    for piece in _compressed(png):
        rest: bytes | memoryview = piece
        while rest and not inflater.eof:
            yield inflater.decompress(rest, BLOCK_BYTES)
            rest = inflater.unconsumed_tail
    if not inflater.eof:
        raise PixelsInvalidError("its pixels end early")


def _compressed(png: bytes) -> Iterator[memoryview]:
    data = memoryview(png)
    for kind, _, start, end in _chunks(png):
        if kind == b"IDAT":
            yield from (data[cut : min(cut + BLOCK_BYTES, end)] for cut in range(start, end, BLOCK_BYTES))


def _chunks(png: bytes) -> Iterator[tuple[bytes, int, int, int]]:
    """Yield each chunk's kind, where it starts, and where its data start and end."""
    at = SIGNATURE_BYTES
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        yield kind, at, at + 8, at + 8 + length
        at += 12 + length


def _chunk(kind: bytes, pieces: list[bytes]) -> Iterator[bytes]:
    yield struct.pack(">I4s", sum(map(len, pieces)), kind)
    yield from pieces
    yield struct.pack(">I", reduce(lambda checksum, piece: zlib.crc32(piece, checksum), pieces, zlib.crc32(kind)))


def _stored_bytes(png: bytes) -> int:
    """Return the length of all rows before compression, each with the byte that names its filter."""
    columns, rows, depth, colour, interlace = struct.unpack_from(">IIBB2xB", png, SIGNATURE_BYTES + 8)
    total = 0
    for column, row, across, down in ADAM7 if interlace else AT_ONCE:
        width, height = -(-(columns - column) // across), -(-(rows - row) // down)
        if width > 0 and height > 0:
            total += (1 + -(-width * SAMPLES[colour] * depth // 8)) * height
    return total
