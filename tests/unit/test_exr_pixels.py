"""The findings of OpenEXR frames: flat ones, values that are not finite, and damage."""

import struct
from pathlib import Path

import numpy as np
import pytest

from frameloom.services.images import exr_pixels
from frameloom.services.images.exr_header import COMPRESSIONS, exr_header
from frameloom.services.images.exr_pixels import PixelFindings, check_pixels
from frameloom.services.images.integrity import check_exr
from tests.scenes import render_image
from tests.unit.exr_images import exr, exr_of

SHAPE = (36, 64)
both_depths = pytest.mark.parametrize("floats", [False, True], ids=["half", "float"])


def findings(data: bytes, folder: Path) -> PixelFindings:
    path = folder / "checked.exr"
    path.write_bytes(data)
    return check_pixels(path, check_exr(data, frame=1))


def spoiled(data: bytes) -> bytes:
    """Return the image with its first block's data overwritten."""
    (offset,) = struct.unpack_from("<Q", data, exr_header(data).end)
    return data[: offset + 8] + b"\xff" * 12 + data[offset + 20 :]


# Blender writes 32-bit floats in all of these, and B44 and B44A in half floats only.
@pytest.mark.parametrize("codec", sorted({*COMPRESSIONS} - {"B44", "B44A"}))
@pytest.mark.parametrize("depth", ["16", "32"])
def test_a_frame_of_many_colours_is_not_flat_in_any_compression(tmp_path: Path, codec: str, depth: str) -> None:
    data = render_image(tmp_path / "frame.exr", format="OPEN_EXR", codec=codec, depth=depth).read_bytes()
    assert findings(data, tmp_path) == PixelFindings()


@pytest.mark.parametrize("codec", ["ZIP", "ZIPS", "PXR24"])
def test_a_damaged_block_is_reported(tmp_path: Path, codec: str) -> None:
    data = render_image(tmp_path / "frame.exr", format="OPEN_EXR", codec=codec, depth="16").read_bytes()
    assert findings(spoiled(data), tmp_path) == PixelFindings(problem="its pixels cannot be unpacked")


@both_depths
def test_values_that_are_not_finite_are_counted_by_channel(tmp_path: Path, *, floats: bool) -> None:
    red, alpha, other = np.arange(12.0).reshape(3, 4), np.ones((3, 4)), np.ones((3, 4))
    red[2, 3], red[0, 1], alpha[1, 1] = np.nan, np.inf, -np.inf
    # The greatest finite value.
    red[1, 0] = np.finfo(np.float32 if floats else np.float16).max
    data = exr_of({"R": red, "A": alpha, "G": other, "B": other}, floats=floats)
    assert findings(data, tmp_path).problem == "of its 12 pixels some are NaN or infinite (R 2, A 1)"


@both_depths
def test_a_flat_frame_is_named_by_its_colour(tmp_path: Path, *, floats: bool) -> None:
    colour = {"R": 0.25, "G": 0.5, "B": -2.0, "A": 1.0}
    assert findings(exr((64, 36), colour, floats=floats), tmp_path) == PixelFindings(flat="0.25_0.5_-2_1")
    assert findings(exr((64, 36), {"V": 0.5}, floats=floats), tmp_path) == PixelFindings(flat="0.5")


@pytest.mark.parametrize("place", [(0, 63), (35, 63), (17, 0)])
def test_one_pixel_of_another_colour_makes_a_frame_not_flat(tmp_path: Path, place: tuple[int, int]) -> None:
    pixels = {name: np.ones(SHAPE) for name in "RGBA"}
    pixels["G"][place] = 0.75
    assert findings(exr_of(pixels), tmp_path) == PixelFindings()


def test_a_text_that_is_cut_within_a_character_does_no_harm(tmp_path: Path) -> None:
    cut = "a long note: äöü".encode()[:-1]
    data = exr_of({name: np.ones(SHAPE) for name in "RGB"}, texts={"Note": cut, "Scene": "Küche".encode()})
    assert findings(data, tmp_path) == PixelFindings(flat="1_1_1")


def test_a_frame_larger_than_the_limit_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = exr((64, 36), {"R": 0.5})
    monkeypatch.setattr(exr_pixels, "LARGEST", 64 * 36 * 2 - 1)
    assert findings(data, tmp_path) == PixelFindings()
    monkeypatch.setattr(exr_pixels, "LARGEST", 64 * 36 * 2)
    assert findings(data, tmp_path) == PixelFindings(flat="0.5")


def test_a_file_with_a_damaged_header_is_reported(tmp_path: Path) -> None:
    data = exr((64, 36), {"R": 0.5})
    facts = check_exr(data, frame=1)
    for length in (0, 3, 50, 200):
        (tmp_path / "cut.exr").write_bytes(data[:length])
        assert check_pixels(tmp_path / "cut.exr", facts) == PixelFindings(problem="its pixels cannot be unpacked")
