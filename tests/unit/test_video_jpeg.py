"""A film of JPEG frames has their colours, and no grey areas from files that are cut off."""

import io
from pathlib import Path

import pytest
from PIL import Image

from frameloom.model.errors import FrameInvalid
from frameloom.services.video import encode_segment
from tests.scenes import render_image
from tests.unit.video_images import film, images, pictures, plain, planes, psnr, textured

SIZE = (32, 32)
RED, SKIN = (255, 0, 0), (224, 172, 105)
# Pillow's names for full chroma, half chroma, and chroma of half the width.
FULL, HALF, WIDE = 0, 2, 1


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "segment.mp4"


def jpeg(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **({"quality": 95} | options))
    return file.getvalue()


COLOURS = {
    "red": (RED, "RGB"),
    "green": ((0, 255, 0), "RGB"),
    "blue": ((0, 0, 255), "RGB"),
    "white": ((255, 255, 255), "RGB"),
    "black": ((0, 0, 0), "RGB"),
    "a skin tone": (SKIN, "RGB"),
    "grey alone": (77, "L"),
    "white alone": (255, "L"),
}


@pytest.mark.parametrize("chroma", [FULL, WIDE, HALF])
@pytest.mark.parametrize(("colour", "mode"), COLOURS.values(), ids=COLOURS)
def test_a_colour_is_preserved(out: Path, colour: int | tuple[int, ...], mode: str, chroma: int) -> None:
    frame = jpeg(Image.new(mode, SIZE, colour), subsampling=chroma)
    encode_segment([(1, frame)], out, film(SIZE, quality=1, format="JPEG"))
    expected = (colour,) * 3 if isinstance(colour, int) else colour
    assert images(out)[0].getpixel((13, 13)) == pytest.approx(expected, abs=4)


@pytest.mark.parametrize(
    ("colour", "levels"),
    [((255, 255, 255), (235, 128, 128)), ((0, 0, 0), (16, 128, 128)), (RED, (63, 102, 240))],
)
def test_full_range_bt601_becomes_limited_range_bt709(
    out: Path, colour: tuple[int, ...], levels: tuple[int, ...]
) -> None:
    encode_segment([(1, jpeg(Image.new("RGB", SIZE, colour)))], out, film(SIZE, quality=1, format="JPEG"))
    assert [plane[0] for plane in planes(pictures(out)[0])] == pytest.approx(levels, abs=1)


@pytest.mark.parametrize("chroma", [FULL, WIDE, HALF])
def test_colour_stays_where_it_was_rendered(out: Path, chroma: int) -> None:
    """The position of halved chroma differs between JPEG and film."""
    image = Image.new("RGB", (64, 64), (60, 60, 60))
    image.paste((220, 40, 40), (24, 24, 40, 40))
    encode_segment([(1, jpeg(image, subsampling=chroma))], out, film(image.size, quality=0, format="JPEG"))
    red, green, _ = images(out)[0].split()
    across = [a - b for a, b in zip(red.tobytes(), green.tobytes(), strict=True)]
    columns = [sum(across[column::64]) for column in range(64)]
    rows = [sum(across[64 * row : 64 * row + 64]) for row in range(64)]
    for weights in (columns, rows):
        centre = sum(place * weight for place, weight in enumerate(weights)) / sum(weights)
        assert centre == pytest.approx(31.5, abs=0.3)


@pytest.mark.parametrize("mode", ["RGB", "BW"])
def test_a_jpeg_of_blender_looks_like_its_png(tmp_path: Path, out: Path, mode: str) -> None:
    settings = f"scene.render.image_settings.color_mode = {mode!r}; scene.render.image_settings.quality = 100"
    seen = []
    for image, depth in (("JPEG", "8"), ("PNG", "16")):
        path = render_image(tmp_path / image, format=image, depth=depth, also=settings)
        encode_segment([(1, path.read_bytes())], out, film((64, 36), quality=0, format=image))
        seen += images(out)
    assert psnr(*seen) > 40


@pytest.mark.parametrize("progressive", [False, True])
def test_an_odd_jpeg_keeps_all_its_pixels(out: Path, *, progressive: bool) -> None:
    image = textured(1, (65, 37))
    encode_segment([(1, jpeg(image, progressive=progressive))], out, film(image.size, quality=0, format="JPEG"))
    (seen,) = images(out)
    assert seen.size == (66, 38)
    assert psnr(seen.crop((0, 0, 65, 37)), image) > 32


def pixels_missing(data: bytes, part: float) -> bytes:
    """Return a JPEG with a part of its last scan and a valid end."""
    start = data.rindex(b"\xff\xda")
    return data[: start + int((len(data) - start) * part)] + b"\xff\xd9"


WHOLE = jpeg(textured(1))
PROGRESSIVE = jpeg(textured(1), progressive=True)
BAD_FRAMES = {
    "empty": (b"", "empty"),
    "cut in its pixels": (WHOLE[:-200], "cut off"),
    "cut by a byte": (WHOLE[:-1], "cut off"),
    "half its pixels": (pixels_missing(WHOLE, 0.5), "pixels are damaged"),
    "most of its pixels": (pixels_missing(WHOLE, 0.9), "pixels are damaged"),
    "half of its last pass": (pixels_missing(PROGRESSIVE, 0.5), "pixels are damaged"),
    "a PNG": (plain(SIZE, (1, 2, 3)), "not a JPEG"),
    "turned": (jpeg(textured(1, (96, 160))), "96 x 160 pixels, not 160 x 96"),
    "for print": (jpeg(textured(1).convert("CMYK")), "in CMYK"),
}


@pytest.mark.parametrize(("frame", "problem"), BAD_FRAMES.values(), ids=BAD_FRAMES)
def test_an_invalid_frame_is_named(out: Path, frame: bytes, problem: str) -> None:
    for _ in range(2):  # by default, libav logs a repeated error once
        with pytest.raises(FrameInvalid, match=problem) as raised:
            encode_segment([(1, WHOLE), (1017, frame)], out, film((160, 96), format="JPEG"))
        assert raised.value.facts["frame"] == 1017
    assert not out.exists()
