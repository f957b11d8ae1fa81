"""The pixels of a PNG are complete, or an error."""

import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from frameloom.services.images.integrity import check_png
from frameloom.services.video.decoder import PixelsInvalidError
from frameloom.services.video.png import ADAM7, BLOCK_BYTES, unpacked
from tests.unit.video_images import chunk, png, raw_png, rows, textured


def pixels(data: bytes) -> list[tuple[int, ...]]:
    return list(Image.open(io.BytesIO(data)).convert("RGBA").getdata())


def interlaced(size: tuple[int, int], image: Image.Image) -> bytes:
    """Return an RGB image's rows in seven passes."""
    out = bytearray()
    for column, row, across, down in ADAM7:
        columns = range(column, size[0], across)
        for y in range(row, size[1], down) if columns else ():
            out += b"\0" + b"".join(bytes(image.getpixel((x, y))) for x in columns)  # type: ignore[arg-type]
    return bytes(out)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_the_unpacked_image_is_the_same_image(mode: str) -> None:
    image = textured(3).convert("L").convert("I").convert("I;16") if mode == "I;16" else textured(3).convert(mode)
    data = png(image)
    check_png(unpacked(data), frame=1)
    assert pixels(unpacked(data)) == pixels(data)


@given(width=st.integers(1, 40), height=st.integers(1, 40), crossing=st.booleans())
def test_every_size_unpacks_in_rows_and_in_passes(width: int, height: int, crossing: bool) -> None:  # noqa: FBT001
    image = textured(1).crop((0, 0, width, height))
    raw = (
        interlaced((width, height), image)
        if crossing
        else b"".join(b"\0" + image.crop((0, y, width, y + 1)).tobytes() for y in range(height))
    )
    data = raw_png((width, height), 8, 2, raw, interlaced=crossing)
    assert pixels(unpacked(data)) == pixels(png(image))


@pytest.mark.parametrize(("depth", "colour", "bits"), [(1, 0, 1), (2, 0, 2), (4, 0, 4), (16, 2, 48), (16, 6, 64)])
def test_every_depth_unpacks(depth: int, colour: int, bits: int) -> None:
    row = b"\0" + bytes(-(-bits * 21 // 8))
    data = raw_png((21, 9), depth, colour, row * 9)
    assert Image.open(io.BytesIO(unpacked(data))).size == (21, 9)
    with pytest.raises(PixelsInvalidError):
        unpacked(raw_png((21, 9), depth, colour, row * 9 + b"\0"))


def test_pixels_spread_over_many_chunks_unpack() -> None:
    size = (300, 200)
    packed = zlib.compress(raw := rows(size, b"\1\2\3"))
    start = raw_png(size, 8, 2, raw).split(chunk(b"IDAT", packed))[0]
    pieces = b"".join(chunk(b"IDAT", packed[cut : cut + 7]) for cut in range(0, len(packed), 7))
    assert len(raw) > 2 * BLOCK_BYTES
    assert pixels(unpacked(start + pieces + chunk(b"IEND", b""))) == [(1, 2, 3, 255)] * (300 * 200)


def test_a_text_that_looks_like_pixels_is_not_unpacked() -> None:
    data = raw_png((4, 4), 8, 2, rows((4, 4), b"\1\2\3"), extra=chunk(b"tEXt", b"Comment\0IDAT IDAT"))
    assert pixels(unpacked(data)) == [(1, 2, 3, 255)] * 16


def test_missing_rows_are_found_even_if_every_checksum_holds() -> None:
    data = raw_png((64, 64), 8, 2, rows((64, 30), b"\1\2\3"))
    check_png(data, frame=1)
    with pytest.raises(PixelsInvalidError, match="has 5790 of its 12352 bytes"):
        unpacked(data)


def test_pixels_that_are_cut_off_are_found_even_if_every_checksum_holds() -> None:
    raw = rows((64, 64), b"\1\2\3")
    whole = zlib.compress(raw)
    for cut in (1, 4, 5, len(whole) - 2):
        data = raw_png((64, 64), 8, 2, raw).replace(chunk(b"IDAT", whole), chunk(b"IDAT", whole[:-cut]))
        check_png(data, frame=1)
        with pytest.raises(PixelsInvalidError):
            unpacked(data)


def test_a_decompression_bomb_is_refused_before_it_fills_the_memory() -> None:
    data = raw_png((4, 4), 8, 2, bytes(50_000_000))
    with pytest.raises(PixelsInvalidError, match="more pixels than its header gives"):
        unpacked(data)


def test_damaged_pixels_are_refused() -> None:
    raw = rows((64, 64), b"\1\2\3")
    damaged = bytearray(zlib.compress(raw))
    damaged[-1] ^= 1  # the checksum of all pixels
    data = raw_png((64, 64), 8, 2, raw).replace(chunk(b"IDAT", zlib.compress(raw)), chunk(b"IDAT", bytes(damaged)))
    check_png(data, frame=1)
    with pytest.raises(PixelsInvalidError, match="damaged"):
        unpacked(data)
