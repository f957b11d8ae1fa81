"""OpenEXR images of one colour, written as plainly as the format allows: Blender chooses its own pixels."""

import struct
from collections.abc import Mapping


def exr(
    size: tuple[int, int],
    colour: Mapping[str, float],
    *,
    floats: bool = False,
    display: tuple[int, int] | None = None,
) -> bytes:
    """Return an OpenEXR without compression that is `colour` all over.

    Args:
        colour: a value for each channel by its name, such as R, G, B and A.
        floats: whether a value is a whole float, or a half one.
        display: what is to be shown, from the image's own corner; all of it when None.
    """
    width, height = size
    names = sorted(colour)
    kind, code = (2, "f") if floats else (1, "e")
    listed = b"".join(name.encode() + b"\0" + struct.pack("<iB3xii", kind, 0, 1, 1) for name in names)
    header = struct.pack("<II", 20000630, 2) + b"".join(
        (
            attribute("channels", "chlist", listed + b"\0"),
            attribute("compression", "compression", b"\0"),
            attribute("dataWindow", "box2i", _window(size)),
            attribute("displayWindow", "box2i", _window(display or size)),
            attribute("lineOrder", "lineOrder", b"\0"),
            attribute("pixelAspectRatio", "float", struct.pack("<f", 1)),
            attribute("screenWindowCenter", "v2f", bytes(8)),
            attribute("screenWindowWidth", "float", struct.pack("<f", 1)),
            b"\0",
        )
    )
    line = b"".join(struct.pack(f"<{width}{code}", *[colour[name]] * width) for name in names)
    first = len(header) + 8 * height
    table = struct.pack(f"<{height}Q", *(first + (8 + len(line)) * row for row in range(height)))
    return header + table + b"".join(struct.pack("<ii", row, len(line)) + line for row in range(height))


def attribute(name: str, kind: str, value: bytes) -> bytes:
    return f"{name}\0{kind}\0".encode() + struct.pack("<I", len(value)) + value


def _window(size: tuple[int, int]) -> bytes:
    return struct.pack("<4i", 0, 0, size[0] - 1, size[1] - 1)
