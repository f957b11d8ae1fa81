"""PNGs with a flat first line, with any filter and compression, and PNGs without one."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from frameloom.services.images.flat_png import NEAR, png_may_be_flat
from tests.scenes import render_image
from tests.unit.video_images import raw_png

SIZE = (23, 17)


def png(image: Image.Image, **options: int) -> bytes:
    """Return an image as a PNG."""
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def filtered(line: bytes, number: int, *, pixel: int = 3) -> bytes:
    """Return an RGB PNG of one line with this filter type, by the formulas of the standard."""
    left = (bytes(pixel) + line)[: len(line)]
    # The first line has no line above it, so Paeth predicts the pixel to the left.
    guesses = [bytes(len(line)), left, bytes(len(line)), bytes(byte // 2 for byte in left), left]
    body = bytes([number]) + bytes((byte - guess) % 256 for byte, guess in zip(line, guesses[number], strict=True))
    return raw_png((len(line) // pixel, 1), 8, 2, body)


@pytest.mark.parametrize(
    ("mode", "colour"),
    [("L", 7), ("RGB", (0, 0, 0)), ("RGB", (255, 0, 255)), ("RGBA", (1, 2, 3, 4)), ("LA", (9, 0)), ("I;16", 0x1234)],
)
@pytest.mark.parametrize("level", [0, 1, 9])
def test_a_flat_png_of_any_colour_type_may_be_flat(mode: str, colour: int | tuple[int, ...], level: int) -> None:
    assert png_may_be_flat(png(Image.new(mode, SIZE, colour), compress_level=level))


@given(line=st.lists(st.binary(min_size=3, max_size=3), min_size=1, max_size=5).map(b"".join), number=st.integers(0, 4))
def test_a_line_is_flat_if_its_channels_hardly_vary_whatever_the_filter(line: bytes, number: int) -> None:
    spread = max(max(line[at::3]) - min(line[at::3]) for at in range(3))
    data = filtered(line, number)
    assert Image.open(io.BytesIO(data)).convert("RGB").tobytes() == line
    assert png_may_be_flat(data) == (spread <= NEAR)


@pytest.mark.parametrize("number", range(5))
def test_a_dithered_line_is_flat(number: int) -> None:
    assert png_may_be_flat(filtered(bytes([0, 1, 0, 1, 0, 0, 0, NEAR, 1]), number))
    assert not png_may_be_flat(filtered(bytes([0, 1, 0, 1, 0, 0, 0, NEAR + 1, 0]), number))


def test_a_damaged_or_interlaced_png_is_not_flat() -> None:
    whole = png(Image.new("RGB", SIZE))
    assert not png_may_be_flat(b"")
    for length in range(whole.index(b"IDAT")):
        assert not png_may_be_flat(whole[:length])
    assert not png_may_be_flat(whole[:28] + b"\1" + whole[29:])
    garbled = bytearray(whole)
    garbled[whole.index(b"IDAT") + 4] ^= 0xFF
    assert not png_may_be_flat(bytes(garbled))


def test_only_the_first_line_of_a_frame_is_checked(tmp_path: Path) -> None:
    """The background is black, so the first line is flat, and the cube is below it."""
    data = render_image(tmp_path / "frame", format="PNG").read_bytes()
    assert png_may_be_flat(data)
