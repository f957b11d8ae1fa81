"""What is seen of an OpenEXR outside of Blender; libav, which has no code in common with it, is the judge."""

import io
import re
import struct
from collections import defaultdict
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from frameloom.services.images.exr_pixels import Layout, Seen, blocks, see
from tests.scenes import render_image

PLANES = {"G": 0, "B": 1, "R": 2, "A": 3}


@pytest.fixture(params=[("ZIP", "16"), ("ZIP", "32"), ("ZIPS", "32"), ("NONE", "16")], ids="-".join)
def exr(request: pytest.FixtureRequest, tmp_path: Path) -> bytes:
    """An image of 64 x 36 pixels, so that the last block is a short one."""
    codec, depth = request.param
    return render_image(tmp_path / "frame.exr", format="OPEN_EXR", codec=codec, depth=depth).read_bytes()


def layout_of(data: bytes) -> Layout:
    layout = Layout.of(data)
    assert layout is not None
    return layout


def pixels(data: bytes) -> dict[str, Any]:
    """Return each channel as numbers, line by line."""
    found = defaultdict(list)
    for name, _, bits in blocks(data, layout_of(data)):
        found[name].append(bits.view(f"<f{bits.dtype.itemsize}"))
    return {name: np.concatenate(parts).astype(np.float32) for name, parts in found.items()}


def test_pixels_are_what_libav_says(exr: bytes) -> None:
    with av.open(io.BytesIO(exr), format="exr_pipe") as container:
        (frame,) = container.decode(video=0)
    ours = pixels(exr)
    assert set(ours) in ({"R", "G", "B"}, {"R", "G", "B", "A"})
    for name, found in ours.items():
        plane = frame.planes[PLANES[name]]
        number = np.dtype("<f2" if frame.format.name.endswith("f16le") else "<f4")
        theirs = np.frombuffer(plane, number).reshape(frame.height, plane.line_size // number.itemsize)
        assert np.array_equal(found, theirs[:, : frame.width]), name


def test_a_frame_of_many_colours_is_fit(exr: bytes) -> None:
    assert see(exr, layout_of(exr)) == Seen()


def stored(values: dict[str, Any], kind: int = 2) -> bytes:
    """Return an OpenEXR of these channels, not packed."""
    channels = b"".join(name.encode() + struct.pack("<x4i", kind, 0, 1, 1) for name in sorted(values)) + b"\0"
    (height, width), size = next(iter(values.values())).shape, 4 if kind == 2 else 2
    attributes = b"".join(
        name + b"\0any\0" + struct.pack("<I", len(value)) + value
        for name, value in (
            (b"channels", channels),
            (b"compression", b"\0"),
            (b"dataWindow", struct.pack("<4i", 0, 0, width - 1, height - 1)),
        )
    )
    head = b"\x76\x2f\x31\x01\x02\0\0\0" + attributes + b"\0"
    lines = [
        struct.pack("<iI", y, width * size * len(values))
        + b"".join(values[name][y].astype(f"<f{size}").tobytes() for name in sorted(values))
        for y in range(height)
    ]
    at = len(head) + 8 * height
    offsets = [at + sum(map(len, lines[:y])) for y in range(height)]
    return head + struct.pack(f"<{height}Q", *offsets) + b"".join(lines)


@pytest.mark.parametrize("kind", [1, 2], ids=["half", "whole"])
def test_pixels_that_are_no_numbers_are_counted_by_channel(kind: int) -> None:
    red, alpha = np.arange(12.0).reshape(3, 4), np.ones((3, 4))
    red[2, 3], red[0, 1], alpha[1, 1] = np.nan, np.inf, -np.inf
    # The greatest number that there is, which is one.
    red[1, 0] = np.finfo(np.float16 if kind == 1 else np.float32).max
    data = stored({"R": red, "A": alpha, "G": np.ones((3, 4)), "B": np.ones((3, 4))}, kind)
    assert see(data, layout_of(data)) == Seen(problem="of its 12 pixels some are NaN or infinite (R 2, A 1)")


def test_one_colour_is_seen_and_another_pixel_in_the_last_line_too() -> None:
    values = {name: np.full((5, 4), value) for name, value in (("R", 0.25), ("G", 0.5), ("B", -0.0), ("A", 1.0))}
    values["B"][3, 1] = 0.0
    data = stored(values)
    assert see(data, layout_of(data)) == Seen(flat="0.25_0.5_-0_1")
    values["G"][4, 3] = 0.75
    data = stored(values)
    assert see(data, layout_of(data)) == Seen()


@pytest.mark.parametrize("codec", ["PIZ", "DWAA"])
def test_what_only_blender_unpacks_is_left_to_it(tmp_path: Path, codec: str) -> None:
    data = render_image(tmp_path / "frame.exr", format="OPEN_EXR", codec=codec, depth="16").read_bytes()
    assert Layout.of(data) is None


def test_what_is_no_whole_header_is_left_to_blender(exr: bytes) -> None:
    assert all(Layout.of(exr[:size]) is None for size in range(8, 300, 7))


def test_a_block_that_is_damaged_is_said(exr: bytes) -> None:
    layout = layout_of(exr)
    (offset,) = struct.unpack_from("<Q", exr, layout.table)
    damaged = exr[: offset + 8] + b"\xff" * 12 + exr[offset + 20 :]
    if layout.packed:
        assert see(damaged, layout) == Seen(problem="its pixels cannot be unpacked")
    else:
        assert re.match("of its 2304 pixels some are NaN", see(damaged, layout).problem or "")


def test_a_block_that_would_take_all_memory_is_left_to_blender() -> None:
    data = stored({"R": np.ones((1, 2))})
    wide = data.replace(struct.pack("<4i", 0, 0, 1, 0), struct.pack("<4i", 0, 0, 2**30, 0))
    assert Layout.of(wide) is None
