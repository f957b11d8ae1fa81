"""Recipes for damaged scenes: a few bytes describe the damage, so that a fuzzer need not write a whole scene."""

import contextlib
import os
import struct
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from frameloom.services.scene.condense import KEPT_CODES
from tests.scenes import make_scene
from tests.unit.blends import PACKERS, as_blender_5_writes, blocks, small

# The folder with the scenes, which one process makes for all, since making them starts Blender.
SCENES = "FUZZ_SCENES"
# Parts of scenes that refer to files: modifiers, strips, nodes.
_PARTS = (
    "cache = bpy.data.objects['Cube'].modifiers.new('cache', 'MESH_CACHE')\n"
    "cache.cache_format, cache.filepath = 'PC2', '//caches/cloth.pc2'\n"
    "strip = scene.sequence_editor_create().strips.new_image('strip', '//plates/a.png', 1, 1)\n"
    "strip.directory = '//plates'\n"
    "strip.elements.append('b.png')\n"
)

# A byte for the scene, its format and its compression; then edits: the action, the block, the offset, the value.
HEAD, EDIT = struct.Struct("<B"), struct.Struct("<BHHQ")
_PACKINGS = sorted(PACKERS)
_WAYS = 5
_OVERWRITE, _PACKED = 0, 4
# The sizes of written values: a byte, a short, an integer, a pointer.
_SIZES = (1, 2, 4, 8)


def save(folder: Path) -> None:
    """Make the scenes that recipes edit."""
    (folder / "0.blend").write_bytes(small())
    make_scene(folder / "1.blend", outside=True, missing_image="//wood.png", also=_PARTS)


@cache
def _scenes() -> tuple[bytes, ...]:
    with contextlib.ExitStack() as stack:
        if (place := os.environ.get(SCENES)) is None:
            place = stack.enter_context(tempfile.TemporaryDirectory())
            save(Path(place))
        return tuple(path.read_bytes() for path in sorted(Path(place).glob("*.blend")))


@cache
def _heads(number: int) -> tuple[int, ...]:
    """Return the offsets of the blocks that the reader reads: the kept ones, and those of code DATA."""
    return tuple(at for at, code, _ in blocks(_scenes()[number]) if code in KEPT_CODES | {b"ENDB", b"DATA"})


def seeds() -> Iterator[bytes]:
    """Yield recipes: each scene in each format and compression, undamaged and with one edit."""
    for head in range(2 * 2 * len(_PACKINGS)):
        yield HEAD.pack(head)
        yield HEAD.pack(head) + EDIT.pack(_OVERWRITE, 0, 24, 0)
    for what in range(_WAYS):
        yield HEAD.pack(0) + EDIT.pack(what, 3, 4, 2**31)


def assembled(recipe: bytes) -> bytes:
    """Return the scene for a recipe; any bytes are a recipe."""
    head = recipe[0] if recipe else 0
    number, new, packing = head & 1, head >> 1 & 1, _PACKINGS[(head >> 2) % len(_PACKINGS)]
    data, heads = _scenes()[number], _heads(number)
    edits = recipe[1:][: EDIT.size * 8]
    late = []
    for what, block, offset, word in EDIT.iter_unpack(edits[: len(edits) // EDIT.size * EDIT.size]):
        if what % _WAYS == _PACKED:
            late.append((block, word))
        else:
            at = heads[block % len(heads)] + offset % 4096
            data = _edited(data, what, at, word, heads)
    if new:
        # A scene whose blocks cannot be read cannot be converted to the other format.
        with contextlib.suppress(Exception):
            data = as_blender_5_writes(data)
    data = PACKERS[packing](data)
    for at, word in late:
        data = data[:at] + word.to_bytes(8, "little") + data[at + 8 :]
    return data


def _edited(data: bytes, what: int, at: int, word: int, heads: tuple[int, ...]) -> bytes:
    """Overwrite bytes, insert bytes, delete bytes, or copy bytes from another block."""
    match what % _WAYS:
        case 0:
            size = _SIZES[what // _WAYS % len(_SIZES)]
            return data[:at] + word.to_bytes(8, "little")[:size] + data[at + size :]
        case 1:
            return data[:at] + word.to_bytes(8, "little") + data[at:]
        case 2:
            return data[:at] + data[at + 1 + word % 4000 :]
        case _:
            other = heads[word % len(heads)]
            return data[:at] + data[other : other + 1 + word // len(heads) % 4000] + data[at:]
