"""A film has the colours of its frames, in every colour type and bit depth of PNG."""

import struct
from pathlib import Path

import av
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from PIL import Image

from frameloom.services.video import encode_segment
from tests.unit.video_images import chunk, film, images, pictures, plain, planes, png, raw_png, rows

SIZE = (32, 32)
RED = (255, 0, 0)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "segment.mp4"


def shown(data: bytes, out: Path) -> tuple[int, ...]:
    """Return the colour of a flat image in the film."""
    encode_segment([(1, data)], out, film(SIZE, quality=1))
    colour = images(out)[0].getpixel((13, 13))
    assert isinstance(colour, tuple)
    return colour


def words(*samples: int) -> bytes:
    return struct.pack(f">{len(samples)}H", *samples)


COLOURS = {
    "red": (plain(SIZE, RED), RED),
    "green": (plain(SIZE, (0, 255, 0)), (0, 255, 0)),
    "blue": (plain(SIZE, (0, 0, 255)), (0, 0, 255)),
    "middle grey": (plain(SIZE, (128, 128, 128)), (128, 128, 128)),
    "black": (plain(SIZE, (0, 0, 0)), (0, 0, 0)),
    "white": (plain(SIZE, (255, 255, 255)), (255, 255, 255)),
    "a skin tone": (plain(SIZE, (224, 172, 105)), (224, 172, 105)),
    "grey only": (plain(SIZE, 77, "L"), (77, 77, 77)),
    "black and white": (plain(SIZE, 1, "1"), (255, 255, 255)),
    "four bits of grey": (raw_png(SIZE, 4, 0, (b"\0" + b"\x88" * 16) * 32), (136, 136, 136)),
    "a palette": (png(Image.new("RGB", SIZE, (10, 200, 30)).quantize()), (10, 200, 30)),
    "16 bits": (raw_png(SIZE, 16, 2, rows(SIZE, words(65535, 32896, 0))), (255, 128, 0)),
    "16 bits of grey": (raw_png(SIZE, 16, 0, rows(SIZE, words(40000))), (156, 156, 156)),
    "opaque": (plain(SIZE, (*RED, 255), "RGBA"), RED),
    "half red": (plain(SIZE, (*RED, 128), "RGBA"), (128, 0, 0)),
    "transparent white": (plain(SIZE, (255, 255, 255, 0), "RGBA"), (0, 0, 0)),
    "a quarter of grey": (plain(SIZE, (200, 64), "LA"), (50, 50, 50)),
    "half of 16 bits": (raw_png(SIZE, 16, 6, rows(SIZE, words(65535, 32896, 0, 32768))), (128, 64, 0)),
    "half of 16 bits of grey": (raw_png(SIZE, 16, 4, rows(SIZE, words(65535, 32768))), (128, 128, 128)),
    "one transparent colour": (
        raw_png(SIZE, 8, 2, rows(SIZE, b"\xff\xff\xff"), extra=chunk(b"tRNS", words(255, 255, 255))),
        (0, 0, 0),
    ),
    "a palette with transparency": (
        raw_png(SIZE, 8, 3, rows(SIZE, b"\0"), extra=chunk(b"PLTE", bytes(RED)) + chunk(b"tRNS", b"\x80")),
        (128, 0, 0),
    ),
}


@pytest.mark.parametrize(("data", "colour"), COLOURS.values(), ids=COLOURS)
def test_a_colour_is_preserved(out: Path, data: bytes, colour: tuple[int, ...]) -> None:
    # Two steps of 8 bits: limited range has 219 steps, the image 255.
    assert shown(data, out) == pytest.approx(colour, abs=3)


@pytest.mark.parametrize(
    ("colour", "levels"),
    [((255, 255, 255), (235, 128, 128)), ((0, 0, 0), (16, 128, 128)), (RED, (63, 102, 240))],
)
def test_the_film_has_limited_range_bt709(out: Path, colour: tuple[int, ...], levels: tuple[int, ...]) -> None:
    encode_segment([(1, plain(SIZE, colour))], out, film(SIZE, quality=1))
    assert [plane[0] for plane in planes(pictures(out)[0])] == pytest.approx(levels, abs=1)


def test_the_film_is_marked_as_limited_range_bt709(out: Path) -> None:
    encode_segment([(1, plain(SIZE, RED))], out, film(SIZE))
    with av.open(out) as container:
        video = container.streams.video[0]
        assert video.color_primaries == ColorPrimaries.BT709
        assert video.color_trc == ColorTrc.BT709
        assert video.colorspace == Colorspace.ITU709
        assert video.color_range == ColorRange.MPEG


@pytest.mark.parametrize(
    "told",
    [
        chunk(b"gAMA", struct.pack(">I", 100_000)),
        chunk(b"sRGB", b"\0"),
        chunk(b"cICP", bytes([9, 16, 0, 1])),
        chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 70800, 29200, 17000, 79700, 13100, 4600)),
    ],
    ids=["gamma", "sRGB", "PQ", "Rec. 2020"],
)
def test_values_are_used_unchanged_whatever_curve_the_image_names(out: Path, told: bytes) -> None:
    assert shown(raw_png(SIZE, 8, 2, rows(SIZE, bytes((200, 60, 120))), extra=told), out) == pytest.approx(
        (200, 60, 120), abs=3
    )


def test_sixteen_bits_are_rounded_once(out: Path) -> None:
    """100.6 of 255 is level 102.4, but rounded to 101 of 255 first it would be 102.7, so 103."""
    encode_segment([(1, raw_png(SIZE, 16, 0, rows(SIZE, words(round(100.6 * 257)))))], out, film(SIZE, quality=0))
    luma = planes(pictures(out)[0])[0]
    assert sum(luma) / len(luma) == pytest.approx(102.4, abs=0.45)


def test_pixel_formats_may_change_within_a_film(out: Path) -> None:
    kinds = [
        plain(SIZE, RED),
        plain(SIZE, (*RED, 128), "RGBA"),
        plain(SIZE, 99, "L"),
        raw_png(SIZE, 16, 2, rows(SIZE, words(65535, 32896, 0))),
        plain(SIZE, (0, 0, 255)),
    ]
    encode_segment(list(enumerate(kinds)), out, film(SIZE, quality=1))
    colours = [image.getpixel((13, 13)) for image in images(out)]
    for colour, expected in zip(colours, [RED, (128, 0, 0), (99,) * 3, (255, 128, 0), (0, 0, 255)], strict=True):
        assert colour == pytest.approx(expected, abs=4)


def test_an_odd_image_keeps_all_its_pixels_and_repeats_its_edges(out: Path) -> None:
    image = Image.new("RGB", (31, 33), (20, 20, 20))
    image.paste((250, 250, 250), (30, 0, 31, 33))
    image.paste((140, 140, 140), (0, 32, 31, 33))
    encode_segment([(1, png(image))], out, film(image.size, quality=0))
    seen = images(out)[0].convert("L")
    assert seen.size == (32, 34)
    assert [seen.getpixel((x, 10)) for x in (28, 29, 30, 31)] == pytest.approx([20, 20, 250, 250], abs=3)
    assert [seen.getpixel((10, y)) for y in (30, 31, 32, 33)] == pytest.approx([20, 20, 140, 140], abs=3)
    assert seen.getpixel((31, 33)) == pytest.approx(140, abs=3)


def test_colour_stays_where_it_was_rendered(out: Path) -> None:
    """A red bar's centre of gravity stays in place when chroma is halved."""
    image = Image.new("RGB", (64, 64), (60, 60, 60))
    image.paste((220, 40, 40), (24, 24, 40, 40))
    encode_segment([(1, png(image))], out, film(image.size, quality=0))
    red, green, _ = images(out)[0].split()
    for axis in ("row", "column"):
        weights = []
        for place in range(64):
            box = (0, place, 64, place + 1) if axis == "row" else (place, 0, place + 1, 64)
            weights.append(sum(a - b for a, b in zip(red.crop(box).tobytes(), green.crop(box).tobytes(), strict=True)))
        centre = sum(place * weight for place, weight in enumerate(weights)) / sum(weights)
        assert centre == pytest.approx(31.5, abs=0.3)
