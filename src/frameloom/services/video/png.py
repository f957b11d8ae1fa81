"""The pixels of a PNG, checked to be complete.

Valid checksums are not enough: a writer may have stopped in the middle of the compressed pixels and closed the file
properly. libav then returns an image whose last rows are uninitialized memory. The only check is to decompress the
pixels, which is most of the work of decoding; so libav gets them uncompressed and does not repeat it.
Sources: the PNG specification, third edition (https://www.w3.org/TR/png-3/), 5.3, 7.2, 8.1 and 10.1;
RFC 1950 and RFC 1951, 3.2.4, for pixels that are stored and not compressed.
"""

import struct
import zlib
from collections.abc import Iterator
from functools import reduce

from av.video.frame import VideoFrame

from frameloom.services.images.png_chunks import png_chunks, png_header
from frameloom.services.video.decoder import PixelsInvalidError, decode

# The first column and row of each pass over an image, and the steps to the next ones: not interlaced, or Adam7.
SINGLE_PASS = ((0, 0, 1, 1),)
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
# The longest block that deflate can store.
BLOCK_BYTES = 65_535


def decode_png(png: bytes) -> VideoFrame:
    """Return the image in a PNG that `check_png` accepted.

    Raises:
        PixelsInvalidError: see `unpacked`, or libav refuses the image.
    """
    return decode("png", unpacked(png))


def unpacked(png: bytes) -> bytes:
    """Return the same image with its pixels uncompressed, and without the chunks that follow them.

    `png` must be a file that `check_png` accepted.

    Raises:
        PixelsInvalidError: the pixels are damaged, or fewer or more than the header gives.
    """
    expected, found, checksum, blocks = _stored_bytes(png), 0, 1, [b"\x78\x01"]
    try:
        for block in _blocks(png):
            found += len(block)
            if found > expected:
                raise PixelsInvalidError("it has more pixels than its header gives")
            checksum = zlib.adler32(block, checksum)
            blocks += (struct.pack("<BHH", 0, len(block), len(block) ^ 0xFFFF), block)
    except zlib.error as error:
        raise PixelsInvalidError(f"its pixels are damaged ({error})") from error
    if found < expected:
        raise PixelsInvalidError(f"it has {found} of its {expected} bytes of pixels")
    blocks += (struct.pack("<BHH", 1, 0, 0xFFFF), struct.pack(">I", checksum))
    first = next(chunk.begin for chunk in png_chunks(png) if chunk.kind == b"IDAT")
    return b"".join((png[:first], *_chunk(b"IDAT", blocks), *_chunk(b"IEND", [])))


def _blocks(png: bytes) -> Iterator[bytes]:
    """Yield the decompressed pixels; zlib compares their checksum at the end."""
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
    for chunk in png_chunks(png):
        if chunk.kind == b"IDAT":
            cuts = range(chunk.start, chunk.end, BLOCK_BYTES)
            yield from (data[cut : min(cut + BLOCK_BYTES, chunk.end)] for cut in cuts)


def _chunk(kind: bytes, pieces: list[bytes]) -> Iterator[bytes]:
    yield struct.pack(">I4s", sum(map(len, pieces)), kind)
    yield from pieces
    yield struct.pack(">I", reduce(lambda checksum, piece: zlib.crc32(piece, checksum), pieces, zlib.crc32(kind)))


def _stored_bytes(png: bytes) -> int:
    """Return the bytes of all rows before compression, each with the byte for its filter."""
    header, total = png_header(png), 0
    for column, row, across, down in ADAM7 if header.interlace else SINGLE_PASS:
        width, height = -(-(header.width - column) // across), -(-(header.height - row) // down)
        if width > 0 and height > 0:
            total += (1 + -(-width * header.channels * header.bit_depth // 8)) * height
    return total
