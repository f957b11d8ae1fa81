"""A film of OpenEXR frames looks like Blender's view transform "Standard"."""

import contextlib
import math
import struct
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import av.logging
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from frameloom.model.errors import FrameInvalid
from frameloom.services.video import encode_segment
from frameloom.services.video.decoder import PixelsInvalidError
from frameloom.services.video.exr_view import decode_exr
from tests.scenes import render_image
from tests.unit.exr_images import exr
from tests.unit.video_images import film, images, pictures, plain, planes

SIZE = (32, 32)
RENDERED = (64, 36)
PACKED = ["ZIP", "ZIPS", "PXR24", "DWAA", "DWAB", "PIZ"]
# B44 and B44A do not compress 32-bit floats.
KINDS = [(codec, "16") for codec in ("NONE", "RLE", "B44", "B44A", *PACKED)] + [
    (codec, "32") for codec in ("NONE", "RLE", *PACKED)
]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "segment.mp4"


def light(red: float, green: float, blue: float, alpha: float | None = None) -> dict[str, float]:
    return {"R": red, "G": green, "B": blue} | ({} if alpha is None else {"A": alpha})


def levels(path: Path, out: Path, image: str) -> list[bytes]:
    """Return the three planes of a lossless film of one image, with halved chroma."""
    encode_segment([(1, path.read_bytes())], out, film(RENDERED, quality=0, format=image))
    return planes(pictures(out)[0])


def apart(one: list[bytes], other: list[bytes]) -> int:
    """Return the largest difference of two pictures, in levels."""
    return max(abs(a - b) for left, right in zip(one, other, strict=True) for a, b in zip(left, right, strict=True))


# sRGB (IEC 61966-2-1): 12.92 x up to 0.0031308, 1.055 x^(1/2.4) - 0.055 above, times 255.
LIGHTS: dict[str, tuple[Mapping[str, float], tuple[int, int, int]]] = {
    "middle grey": (light(0.18, 0.18, 0.18), (118, 118, 118)),
    "red": (light(1, 0, 0), (255, 0, 0)),
    "green": (light(0, 1, 0), (0, 255, 0)),
    "blue": (light(0, 0, 1), (0, 0, 255)),
    "half of the light": (light(0.5, 0.25, 0.0625), (188, 137, 71)),
    "the straight part of the curve": (light(0.003, 0.003, 0.003), (10, 10, 10)),
    "more than white": (light(1.5, 40, 60_000), (255, 255, 255)),
    "each channel is cut on its own": (light(8, 0.18, 0), (255, 118, 0)),
    "less than black": (light(-0.5, 0.18, -60_000), (0, 118, 0)),
    "no number": (light(math.nan, 0.18, 0.18), (0, 118, 118)),
    "infinite": (light(math.inf, 0.18, -math.inf), (255, 118, 0)),
    "half covered": (light(0.5, 0.09, 0, 0.5), (188, 85, 0)),
    "light that covers nothing": (light(0.18, 0, 0, 0), (118, 0, 0)),
    "covered by no number": (light(0.18, 0, 0, math.nan), (118, 0, 0)),
    "grey alone": ({"V": 0.5}, (188, 188, 188)),
    "white alone": ({"V": 1.0}, (255, 255, 255)),
    "black alone": ({"V": 0.0}, (0, 0, 0)),
}


@pytest.mark.parametrize("floats", [False, True], ids=["half", "float"])
@pytest.mark.parametrize(("colour", "seen"), LIGHTS.values(), ids=LIGHTS)
def test_linear_light_is_converted_to_display_values(
    out: Path, colour: Mapping[str, float], seen: tuple[int, ...], *, floats: bool
) -> None:
    encode_segment([(1, exr(SIZE, colour, floats=floats))], out, film(SIZE, quality=1, format="OPEN_EXR"))
    assert images(out)[0].getpixel((13, 13)) == pytest.approx(seen, abs=3)


def test_light_beyond_half_floats_is_white(out: Path) -> None:
    frame = exr(SIZE, light(3e38, 1e12, -3e38), floats=True)
    encode_segment([(1, frame)], out, film(SIZE, quality=1, format="OPEN_EXR"))
    assert images(out)[0].getpixel((13, 13)) == pytest.approx((255, 255, 0), abs=3)


def test_the_film_is_marked_as_limited_range_bt709(out: Path) -> None:
    encode_segment([(1, exr(SIZE, light(1, 1, 1)))], out, film(SIZE, format="OPEN_EXR"))
    assert [plane[0] for plane in planes(pictures(out)[0])] == pytest.approx((235, 128, 128), abs=1)
    with av.open(out) as container:
        video = container.streams.video[0]
        assert (video.color_primaries, video.color_trc) == (ColorPrimaries.BT709, ColorTrc.BT709)
        assert (video.colorspace, video.color_range) == (Colorspace.ITU709, ColorRange.MPEG)


def test_an_odd_image_repeats_its_edges(out: Path) -> None:
    encode_segment([(1, exr((31, 33), light(0.18, 0.18, 0.18)))], out, film((31, 33), format="OPEN_EXR"))
    (image,) = images(out)
    assert image.size == (32, 34)
    assert image.getpixel((31, 33)) == pytest.approx((118, 118, 118), abs=3)


@pytest.mark.parametrize(("codec", "depth"), KINDS)
def test_a_frame_of_blender_looks_like_its_png(tmp_path: Path, out: Path, codec: str, depth: str) -> None:
    """Both are rendered, since the same scene gives the same pixels. The PNG has 16 bits, so it has no dither."""
    light_ = render_image(tmp_path / "light", format="OPEN_EXR", depth=depth, codec=codec)
    seen = render_image(tmp_path / "seen", format="PNG", depth="16")
    assert apart(levels(light_, out, "OPEN_EXR"), levels(seen, out, "PNG")) <= 2


@pytest.mark.parametrize("mode", ["RGB", "BW"])
def test_transparency_is_over_black_as_in_blender(tmp_path: Path, out: Path, mode: str) -> None:
    """In linear light, as when Blender writes a picture without alpha."""
    clear = "scene.render.film_transparent = True"
    flat = f"{clear}; scene.render.image_settings.color_mode = {mode!r}"
    kept = render_image(
        tmp_path / "kept", format="OPEN_EXR", depth="16", codec="ZIP", also=clear if mode == "RGB" else flat
    )
    seen = render_image(tmp_path / "seen", format="PNG", depth="16", also=flat)
    assert apart(levels(kept, out, "OPEN_EXR"), levels(seen, out, "PNG")) <= 2


def spoiled(data: bytes) -> bytes:
    """Return a file whose last block cannot be unpacked, with a complete structure."""
    for at in range(len(data) - 8, 0, -1):
        line, length = struct.unpack_from("<II", data, at)
        if line < RENDERED[1] and at + 8 + length == len(data):
            return data[: at + 8] + bytes([0xFF] * length)
    raise AssertionError("no block ends where the file does")


@pytest.mark.parametrize("codec", PACKED)
def test_a_damaged_frame_is_named_and_gives_no_black_band(tmp_path: Path, out: Path, codec: str) -> None:
    whole = render_image(tmp_path / "frame", format="OPEN_EXR", depth="16", codec=codec).read_bytes()
    frames = [(1016, whole), (1017, spoiled(whole)), (1018, whole)]
    for _ in range(2):  # by default, libav logs a repeated error once
        with pytest.raises(FrameInvalid, match="pixels are damaged") as raised:
            encode_segment(frames, out, film(RENDERED, format="OPEN_EXR"))
        assert raised.value.facts["frame"] == 1017
    assert not out.exists()


def test_any_wrong_bit_is_found_if_the_compression_has_a_checksum(tmp_path: Path, out: Path) -> None:
    whole = render_image(tmp_path / "frame", format="OPEN_EXR", depth="16", codec="ZIP").read_bytes()
    for at in range(len(whole) - 1000, len(whole), 97):
        frame = whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :]
        with pytest.raises(FrameInvalid, match="pixels are damaged"):
            encode_segment([(1, frame)], out, film(RENDERED, format="OPEN_EXR"))


WHOLE = exr(SIZE, light(0.18, 0.18, 0.18))
BAD_FRAMES = {
    "empty": (b"", "empty"),
    "cut in its pixels": (WHOLE[:-1000], "line 27 is missing, or is beyond the end"),
    "cut by a byte": (WHOLE[:-1], "cut off"),
    "a PNG": (plain(SIZE, (1, 2, 3)), "not an OpenEXR"),
    "too wide": (exr((34, 32), light(1, 1, 1)), "34 x 32 pixels, not 32 x 32"),
    "a part of a picture": (exr(SIZE, light(1, 1, 1), display=(64, 64)), "pixels for 64 x 64"),
    "layers": (exr(SIZE, {f"ViewLayer.Combined.{name}": 1.0 for name in "RGB"}), "neither the channels R, G and B"),
    "a header that libav cannot read": (
        WHOLE.replace(b"chlist", b"chlost"),
        "Invalid data found .*; Missing channel list",
    ),
    "depth alone": (exr(SIZE, {"Z": 1.0}), "neither the channels R, G and B"),
}


@pytest.mark.parametrize(("frame", "problem"), BAD_FRAMES.values(), ids=BAD_FRAMES)
def test_an_invalid_frame_is_named(out: Path, frame: bytes, problem: str) -> None:
    with pytest.raises(FrameInvalid, match=problem) as raised:
        encode_segment([(1, WHOLE), (1017, frame)], out, film(SIZE, format="OPEN_EXR"))
    assert raised.value.facts["frame"] == 1017
    assert not out.exists()


def test_the_error_of_a_piz_that_libav_cannot_unpack_names_piz(tmp_path: Path, out: Path) -> None:
    whole = render_image(tmp_path / "frame", format="OPEN_EXR", depth="16", codec="PIZ").read_bytes()
    with pytest.raises(FrameInvalid, match="cannot unpack every PIZ"):
        encode_segment([(1, spoiled(whole))], out, film(RENDERED, format="OPEN_EXR"))


def test_damage_is_found_in_every_thread(tmp_path: Path) -> None:
    whole = render_image(tmp_path / "frame", format="OPEN_EXR", depth="16", codec="ZIP").read_bytes()
    damaged = spoiled(whole)

    def found(_: int) -> bool:
        decode_exr(whole)
        try:
            decode_exr(damaged)
        except PixelsInvalidError:
            return True
        return False

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(found, range(400)))


@pytest.mark.parametrize("floats", [False, True], ids=["half", "float"])
@pytest.mark.parametrize(
    ("colour", "seen"),
    [
        # As in a PNG: a pixel that is half covered by white is white, with half alpha.
        (light(0.5, 0.09, 0, 0.5), (255, 118, 0, 128)),
        (light(0.18, 0.09, 0, 1), (118, 85, 0, 255)),
        (light(0, 0, 0, 0), (0, 0, 0, 0)),
        (light(0.18, 0.09, 0), (118, 85, 0, 255)),
        ({"V": 0.18}, (118, 118, 118, 255)),
    ],
)
def test_a_film_with_alpha_keeps_the_alpha_of_linear_frames(
    tmp_path: Path, colour: Mapping[str, float], seen: tuple[int, ...], *, floats: bool
) -> None:
    out = tmp_path / "segment.mov"
    options = film(SIZE, codec="prores", format="OPEN_EXR", alpha=True)
    encode_segment([(1, exr(SIZE, colour, floats=floats))], out, options)
    picture = pictures(out)[0].reformat(format="rgba64le", src_colorspace="ITU709", src_color_range="MPEG")
    found = struct.unpack_from("<4H", bytes(picture.planes[0]), 13 * picture.planes[0].line_size + 13 * 8)
    assert [value / 257 for value in found] == pytest.approx(seen, abs=3)


def test_a_frame_whose_alpha_libav_loses_is_named(tmp_path: Path) -> None:
    frame = render_image(tmp_path / "frame", format="OPEN_EXR", depth="32", codec="DWAA").read_bytes()
    options = film(RENDERED, codec="prores", format="OPEN_EXR", alpha=True)
    with pytest.raises(FrameInvalid, match="loses the alpha of 32-bit floats"):
        encode_segment([(1, frame)], tmp_path / "segment.mov", options)


def test_the_settings_of_libavs_log_are_restored(out: Path) -> None:
    av.logging.set_level(None)
    av.logging.set_skip_repeated(True)
    for frame in (WHOLE, exr(SIZE, {"Z": 1.0})):
        with contextlib.suppress(FrameInvalid):
            encode_segment([(1, frame)], out, film(SIZE, format="OPEN_EXR"))
        assert (av.logging.get_level(), av.logging.get_skip_repeated()) == (None, True)
