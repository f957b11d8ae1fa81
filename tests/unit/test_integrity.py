"""Complete images from Blender, and images that are cut off or damaged."""

import contextlib
import io
import itertools
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from frameloom.model.errors import FrameInvalid
from frameloom.services.images.exr_pixels import check_pixels
from frameloom.services.images.integrity import ImageFacts, check_exr, check_image, check_jpeg, check_png
from frameloom.services.images.png_chunks import PNG_SIGNATURE
from tests.scenes import render_image
from tests.unit.exr_images import attribute
from tests.unit.video_images import chunk

Check = Callable[..., ImageFacts]
CODECS = ["NONE", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB"]


def _pillow(kind: str, mode: str, **options: object) -> bytes:
    """Return an image of 23 x 17 pixels with a gradient."""
    image = Image.linear_gradient("L").resize((23, 17)).convert(mode)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _exr(width: int = 5, height: int = 40, *, lines: int = 16, flags: int = 2) -> bytes:
    """Return an OpenEXR with one half channel, in blocks of 16 lines (ZIP) without valid pixels."""

    header = (
        struct.pack("<II", 20000630, flags)
        + attribute("channels", "chlist", b"Y\0" + struct.pack("<iB3xii", 1, 0, 1, 1) + b"\0")
        + attribute("compression", "compression", b"\x03")
        + attribute("dataWindow", "box2i", struct.pack("<4i", 0, 0, width - 1, height - 1))
        + b"\0"
    )
    firsts = range(0, height, lines)
    blocks = [struct.pack("<iI", first, 9) + bytes(9) for first in firsts]
    table = len(header) + 8 * len(firsts)
    return header + b"".join(struct.pack("<Q", table + 17 * n) for n in range(len(firsts))) + b"".join(blocks)


PNG = _pillow("PNG", "RGBA")
JPEG = _pillow("JPEG", "RGB")
EXR = _exr()
WHOLE: list[tuple[Check, bytes]] = [
    (check_png, PNG),
    (check_jpeg, JPEG),
    (check_jpeg, _pillow("JPEG", "RGB", progressive=True)),
    (check_exr, EXR),
]
every_format = pytest.mark.parametrize(("check", "data"), WHOLE, ids=["png", "jpeg", "progressive jpeg", "exr"])


def _problem(check: Check, data: bytes, size: tuple[int, int] | None = None) -> str:
    with pytest.raises(FrameInvalid) as raised:
        check(data, frame=7, size=size)
    assert raised.value.facts["frame"] == 7
    return str(raised.value.facts["problem"])


@pytest.mark.parametrize(("depth", "bits"), [("8", 8), ("16", 16)])
def test_a_png_of_blender_is_complete(tmp_path: Path, depth: str, bits: int) -> None:
    data = render_image(tmp_path / "frame", format="PNG", depth=depth).read_bytes()
    facts = check_image(data, format="PNG", frame=1, size=(64, 36))
    assert facts == ImageFacts(width=64, height=36, bit_depth=bits, channels=4)


@pytest.mark.parametrize("codec", CODECS)
def test_an_openexr_of_blender_is_complete_in_any_compression(tmp_path: Path, codec: str) -> None:
    data = render_image(tmp_path / "frame", format="OPEN_EXR", depth="16", codec=codec).read_bytes()
    facts = check_image(data, format="OPEN_EXR", frame=1, size=(64, 36))
    assert facts == ImageFacts(width=64, height=36, bit_depth=16, channels=4)
    assert _problem(check_exr, data[:-1]) == "it is cut off"


def test_a_jpeg_of_blender_is_complete(tmp_path: Path) -> None:
    data = render_image(tmp_path / "frame", format="JPEG").read_bytes()
    facts = check_image(data, format="JPEG", frame=1, size=(64, 36))
    assert facts == ImageFacts(width=64, height=36, bit_depth=8, channels=3)


@pytest.mark.parametrize(
    ("mode", "bits", "channels"), [("1", 1, 1), ("L", 8, 1), ("I;16", 16, 1), ("LA", 8, 2), ("RGB", 8, 3)]
)
def test_a_png_of_every_colour_type_is_complete(mode: str, bits: int, channels: int) -> None:
    file = io.BytesIO()
    Image.new(mode, (23, 17)).save(file, "PNG")
    facts = check_png(file.getvalue(), frame=1, size=(23, 17))
    assert (facts.bit_depth, facts.channels) == (bits, channels)


@every_format
def test_an_image_that_is_cut_off_anywhere_is_invalid(check: Check, data: bytes) -> None:
    check(data, frame=7)
    for length in range(len(data)):
        _problem(check, data[:length])


@every_format
def test_an_image_with_extra_bytes_at_its_end_is_invalid(check: Check, data: bytes) -> None:
    assert _problem(check, data + b"\0") == "it has extra bytes after its end"


@every_format
def test_an_image_of_another_size_is_invalid(check: Check, data: bytes) -> None:
    facts = check(data, frame=7)
    problem = _problem(check, data, size=(facts.width, facts.height + 1))
    assert problem == f"it is {facts.width} x {facts.height} pixels, not {facts.width} x {facts.height + 1}"


@every_format
def test_a_file_of_another_format_is_invalid(check: Check, data: bytes) -> None:
    assert _problem(check, b"") == "it is empty"
    for _, other in WHOLE:
        if other[:4] != data[:4]:
            assert _problem(check, other).startswith("it is not a")


def test_a_png_with_one_changed_bit_is_invalid() -> None:
    for at, bit in itertools.product(range(len(PNG)), range(8)):
        _problem(check_png, PNG[:at] + bytes([PNG[at] ^ 1 << bit]) + PNG[at + 1 :])


@given(data=st.data(), which=st.sampled_from([(check_exr, EXR), (check_jpeg, JPEG), (check_png, PNG)]))
def test_a_damaged_image_never_crashes_the_check(data: st.DataObject, which: tuple[Check, bytes]) -> None:
    check, whole = which
    at = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.integers(0, 8))
    damaged = whole[:at] + data.draw(st.binary(min_size=0, max_size=8)) + whole[at + length :]
    with contextlib.suppress(FrameInvalid):
        check(damaged, frame=7)


@given(st.binary(max_size=200), st.sampled_from([b"", PNG[:33], EXR[:8], JPEG[:2]]))
def test_garbage_after_a_valid_signature_is_invalid(garbage: bytes, first: bytes) -> None:
    for check in (check_png, check_exr, check_jpeg):
        _problem(check, first + garbage)


def test_a_png_without_pixels_is_invalid() -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0))
    end = chunk(b"IEND", b"")
    assert _problem(check_png, PNG_SIGNATURE + header + end) == "it has no pixels"
    assert _problem(check_png, PNG_SIGNATURE + header + chunk(b"IDAT", b"") + end) == "it has no pixels"
    assert _problem(check_png, PNG_SIGNATURE + end) == "it has no pixels"


@pytest.mark.parametrize(
    "header", [(0, 4, 8, 2, 0, 0, 0), (4, 0, 8, 2, 0, 0, 0), (4, 4, 7, 2, 0, 0, 0), (4, 4, 8, 5, 0, 0, 0),
               (4, 4, 8, 2, 1, 0, 0), (4, 4, 8, 2, 0, 1, 0), (4, 4, 8, 2, 0, 0, 2)]
)  # fmt: skip
def test_a_png_with_an_invalid_header_is_invalid(header: tuple[int, ...]) -> None:
    data = PNG_SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", *header)) + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")
    assert _problem(check_png, data) == "its header is invalid"


def test_a_png_with_data_in_its_end_chunk_is_invalid() -> None:
    assert _problem(check_png, PNG[:-12] + chunk(b"IEND", b"more")) == "it has extra bytes after its end"


def test_a_png_must_start_with_exactly_one_header() -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0))
    for chunks in (chunk(b"tEXt", b"a\0b") + header, header + header):
        data = PNG_SIGNATURE + chunks + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")
        assert _problem(check_png, data) == "it does not start with exactly one header"


def test_an_openexr_with_a_missing_block_is_invalid() -> None:
    table = EXR.index(b"\0\0\0\0\x09\0\0\0") - 24
    unwritten = EXR[: table + 8] + bytes(8) + EXR[table + 16 :]
    assert _problem(check_exr, unwritten) == "line 16 is missing, or is beyond the end"


def test_an_openexr_with_swapped_blocks_is_invalid() -> None:
    table = EXR.index(b"\0\0\0\0\x09\0\0\0") - 24
    changed = EXR[:table] + EXR[table + 8 : table + 16] + EXR[table : table + 8] + EXR[table + 16 :]
    assert _problem(check_exr, changed) == "line 0 is not at its offset"


@pytest.mark.parametrize("flags", [0x202, 0x802, 0x1202, 1])
def test_an_openexr_with_tiles_or_deep_data_is_invalid(flags: int) -> None:
    assert _problem(check_exr, _exr(flags=flags)) == "it has tiles or deep data, unlike an OpenEXR of Blender"


def test_an_openexr_of_several_parts_is_complete_with_all_blocks_of_each(tmp_path: Path) -> None:
    pixels = {name: np.ones((20, 5), np.float32) for name in "RGBA"}
    kind = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    views = [OpenEXR.Part(kind | {"name": view, "view": view}, pixels, name=view) for view in ("left", "right")]
    OpenEXR.File(views).write(str(tmp_path / "views.exr"))
    data = (tmp_path / "views.exr").read_bytes()
    facts = check_exr(data, frame=1, size=(5, 20))
    assert (facts.channels, facts.bit_depth) == (8, 32)
    assert check_pixels(tmp_path / "views.exr", facts).flat == "1_1_1_1_1_1_1_1"
    for end in range(len(data)):
        assert _problem(check_exr, data[:end])


def test_an_openexr_that_claims_billions_of_lines_costs_no_memory() -> None:
    window = struct.pack("<4i", 0, 0, 4, 39)
    huge = EXR.replace(window, struct.pack("<4i", 0, -(2**31), 4, 2**31 - 1))
    assert _problem(check_exr, huge) == "it is cut off"


def test_the_end_of_a_thumbnail_is_not_the_end_of_its_jpeg() -> None:
    thumbnail = b"\xff\xe1" + struct.pack(">H", 2 + len(JPEG)) + JPEG
    data = JPEG[:2] + thumbnail + JPEG[2:]
    assert check_jpeg(data, frame=7).width == 23
    assert _problem(check_jpeg, data[: 2 + len(thumbnail)]) == "it is cut off"


def test_a_file_of_an_unchecked_format_must_not_be_empty() -> None:
    assert check_image(b"anything", format="TIFF", frame=7, size=(4, 4)) is None
    with pytest.raises(FrameInvalid, match="Frame 7 is invalid: it is empty"):
        check_image(b"", format="TIFF", frame=7, size=(4, 4))
