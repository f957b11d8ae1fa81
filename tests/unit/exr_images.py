"""OpenEXR images without compression, with pixels that a test chooses: Blender computes its own."""

import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def exr(
    size: tuple[int, int],
    colour: Mapping[str, float],
    *,
    floats: bool = False,
    display: tuple[int, int] | None = None,
) -> bytes:
    """Return a flat OpenEXR image.

    Args:
        colour: a value for each channel by its name, such as R, G, B and A.
        floats: whether values are 32-bit floats instead of half floats.
        display: the size of the display window, from the image's own corner; the image's size when None.
    """
    width, height = size
    pixels = {name: np.full((height, width), value) for name, value in colour.items()}
    return exr_of(pixels, floats=floats, display=display)


def exr_of(
    pixels: Mapping[str, NDArray[np.float64]],
    *,
    floats: bool = False,
    display: tuple[int, int] | None = None,
    texts: Mapping[str, bytes] | None = None,
) -> bytes:
    """Return an OpenEXR image of these channels, each an array of lines, with `texts` in its header."""
    names = sorted(pixels)
    height, width = pixels[names[0]].shape
    kind, code = (2, "<f4") if floats else (1, "<f2")
    listed = b"".join(name.encode() + b"\0" + struct.pack("<iB3xii", kind, 0, 1, 1) for name in names)
    header = struct.pack("<II", 20000630, 2) + b"".join(
        (
            *(attribute(name, "string", text) for name, text in (texts or {}).items()),
            attribute("channels", "chlist", listed + b"\0"),
            attribute("compression", "compression", b"\0"),
            attribute("dataWindow", "box2i", _window((width, height))),
            attribute("displayWindow", "box2i", _window(display or (width, height))),
            attribute("lineOrder", "lineOrder", b"\0"),
            attribute("pixelAspectRatio", "float", struct.pack("<f", 1)),
            attribute("screenWindowCenter", "v2f", bytes(8)),
            attribute("screenWindowWidth", "float", struct.pack("<f", 1)),
            b"\0",
        )
    )
    lines = [b"".join(pixels[name][row].astype(code).tobytes() for name in names) for row in range(height)]
    first = len(header) + 8 * height
    table = struct.pack(f"<{height}Q", *(first + (8 + len(lines[0])) * row for row in range(height)))
    return header + table + b"".join(struct.pack("<ii", row, len(line)) + line for row, line in enumerate(lines))


def attribute(name: str, kind: str, value: bytes) -> bytes:
    return f"{name}\0{kind}\0".encode() + struct.pack("<I", len(value)) + value


def _window(size: tuple[int, int]) -> bytes:
    return struct.pack("<4i", 0, 0, size[0] - 1, size[1] - 1)
