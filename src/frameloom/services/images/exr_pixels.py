"""Looks at the pixels of an OpenEXR outside of Blender: beside the render of the next frame, block by block.

Of those that are packed by deflate, as Blender packs them unless told otherwise, or not at all; the others only Blender
can unpack. Source: https://openexr.com/en/latest/OpenEXRFileLayout.html and its library's ImfZip.cpp.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from frameloom.services.images.integrity import exr_attributes

# Compression (none, ZIPS, ZIP) -> lines in a block.
_LINES = {0: 1, 2: 1, 3: 16}
# Channel type (half, float) -> its bits as a whole number, as a number, and those that are all set where it is none.
_TYPES: dict[int, tuple[np.dtype[Any], np.dtype[Any], int]] = {
    1: (np.dtype("<u2"), np.dtype("<f2"), 0x7C00),
    2: (np.dtype("<u4"), np.dtype("<f4"), 0x7F800000),
}
_ORDER = "RGBA"
# Bytes of a block that are unpacked here, in the worker's own memory: 32 channels of 65,536 pixels in 16 lines.
_LARGEST = 2**27


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where what lies in a file: its channels in their order, by name and type."""

    width: int
    lines: range
    channels: tuple[tuple[str, int], ...]
    block: int
    packed: bool
    table: int

    @classmethod
    def of(cls, data: bytes) -> Self | None:
        """Return the layout of what begins with `data`, None where it is not of the kinds that are read here."""
        try:
            attributes, table = exr_attributes(data)
            compression = attributes[b"compression"][0]
            left, top, right, bottom = struct.unpack("<4i", attributes[b"dataWindow"])
            channels = tuple(_channels(attributes[b"channels"]))
        except (KeyError, IndexError, ValueError, struct.error):
            return None
        if compression not in _LINES or not channels or any(kind not in _TYPES for _, kind in channels):
            return None
        line_size = (right - left + 1) * sum(_TYPES[kind][0].itemsize for _, kind in channels)
        if line_size * _LINES[compression] > _LARGEST:
            return None
        return cls(
            width=right - left + 1,
            lines=range(top, bottom + 1),
            channels=channels,
            block=_LINES[compression],
            packed=compression != 0,
            table=table,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The one colour of all pixels, None where they differ, and what makes the frame unfit."""

    flat: str | None = None
    problem: str | None = None


def see(data: bytes, layout: Layout) -> Seen:
    """Return what is to be seen of an OpenEXR that `check_exr` found whole."""
    names = sorted((name for name, _ in layout.channels), key=_place)
    wrong = dict.fromkeys(names, 0)
    first: dict[str, Any] = {}
    flat = True
    try:
        for name, kind, bits in blocks(data, layout):
            _, number, none = _TYPES[kind]
            wrong[name] += int(np.count_nonzero((bits & none) == none))
            values = bits.view(number)
            # Not looked for where the first block has two colours, which is nearly always.
            flat = flat and bool((values == first.setdefault(name, values.flat[0])).all())
    except (ValueError, zlib.error, struct.error):
        return Seen(problem="its pixels cannot be unpacked")
    if any(wrong.values()):
        counts = ", ".join(f"{name} {count}" for name, count in wrong.items() if count)
        return Seen(problem=f"of its {layout.width * len(layout.lines)} pixels some are NaN or infinite ({counts})")
    return Seen(flat="_".join(f"{float(first[name]):.6g}" for name in names) if flat else None)


def blocks(data: bytes, layout: Layout) -> Iterator[tuple[str, int, NDArray[Any]]]:
    """Yield each channel of each block of lines: its name, its type, and the bits of its pixels, line by line."""
    line_size = layout.width * sum(_TYPES[kind][0].itemsize for _, kind in layout.channels)
    firsts = layout.lines[:: layout.block]
    for first, offset in zip(firsts, struct.unpack_from(f"<{len(firsts)}Q", data, layout.table), strict=True):
        lines = min(layout.block, layout.lines.stop - first)
        (length,) = struct.unpack_from("<I", data, offset + 4)
        block = _unpacked(data[offset + 8 : offset + 8 + length], lines * line_size, packed=layout.packed)
        rows, at = block.reshape(lines, line_size), 0
        for name, kind in layout.channels:
            size = layout.width * _TYPES[kind][0].itemsize
            yield name, kind, np.ascontiguousarray(rows[:, at : at + size]).view(_TYPES[kind][0])
            at += size


def _unpacked(block: bytes, size: int, *, packed: bool) -> NDArray[np.uint8]:
    # What deflate would not make smaller is stored as it is.
    if not packed or len(block) == size:
        return np.frombuffer(block, np.uint8, count=size)
    # No more than there can be: a scene's own script may have written the file.
    differences = np.frombuffer(zlib.decompressobj().decompress(block, size), np.uint8, count=size)
    # Each byte is its distance to the one before it, with 128 for none; the even ones lie before the odd ones.
    steps = differences - np.uint8(128)
    steps[0] = differences[0]
    apart = np.cumsum(steps, dtype=np.uint8)
    whole = np.empty(size, np.uint8)
    half = (size + 1) // 2
    whole[0::2], whole[1::2] = apart[:half], apart[half:]
    return whole


def _channels(attribute: bytes) -> Iterator[tuple[str, int]]:
    at = 0
    while end := attribute.index(b"\0", at) - at:
        kind, _, across, down = struct.unpack_from("<4i", attribute, at + end + 1)
        if (across, down) != (1, 1):
            raise ValueError("a channel has fewer pixels than the image")
        yield attribute[at : at + end].decode("latin-1"), kind
        at += end + 17


def _place(name: str) -> tuple[int, str]:
    at = _ORDER.find(name)
    return len(_ORDER) if at < 0 else at, name
