"""Makes bytes of .blend files, in each compression and format, and reads them."""

import gzip
import struct
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import zstandard
from blender_asset_tracer.blendfile import BlendFile

from frameloom.model.errors import SceneUnreadable
from frameloom.model.scene import SceneFacts
from frameloom.services.scene.reader import UNPACK_LIMIT, read_scene
from tests.scenes import make_scene

# Blender writes this skippable frame after the compressed frames; it lists their offsets.
SEEK_TABLE = b"\x5e\x2a\x4d\x18\x05\0\0\0table"


def _zstd(data: bytes) -> bytes:
    """Compress pieces of 128 KiB as separate frames, as Blender does."""
    pieces = (data[at : at + 2**17] for at in range(0, len(data), 2**17))
    return b"".join(zstandard.compress(piece, 1) for piece in pieces) + SEEK_TABLE


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "gzip": lambda data: gzip.compress(data, 1),
    "zstd": _zstd,
}


@cache
def small() -> bytes:
    """Return the bytes of a small uncompressed scene saved by Blender 4.5."""
    with tempfile.TemporaryDirectory() as folder:
        return make_scene(Path(folder, "small.blend")).read_bytes()


@cache
def packed(packing: str) -> bytes:
    """Return the small scene, compressed by one of PACKERS."""
    return PACKERS[packing](small())


def read(data: bytes, *, limit: int = UNPACK_LIMIT) -> SceneFacts:
    """Return the facts about a file with these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "shot.blend")
        path.write_bytes(data)
        return read_scene(path, name="shots/shot.blend", limit=limit)


def problem(data: bytes) -> str:
    """Return the problem of an unreadable file with these bytes."""
    with pytest.raises(SceneUnreadable) as raised:
        read(data)
    assert raised.value.facts["file"] == "shots/shot.blend"
    return str(raised.value.facts["problem"])


def blocks(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield the offset, the code and the size of the body of each block of `small()`, the last one included."""
    at = 12
    while True:
        code, size = struct.unpack_from("<4si", data, at)
        yield at, code, size
        if code == b"ENDB":
            return
        at += 24 + size


def with_text(scene: Path, code: bytes, *field: bytes, text: str) -> Path:
    """Write `text` into a field of the first block of a code, even text that Blender refuses; return the file."""
    with BlendFile(scene) as blend:
        block = blend.find_blocks_from_code(code)[0]
        member, offset = block.dna_type.field_from_path(
            blend.header.pointer_size, field if len(field) > 1 else field[0]
        )
        at, size = block.file_offset + offset, member.name.array_size
    with scene.open("r+b") as file:
        file.seek(at)
        file.write(text.encode().ljust(size, b"\0"))
    return scene


def as_blender_5_writes(data: bytes) -> bytes:
    """Return the file with the header and the block heads of Blender 5, which are longer."""
    parts = [b"BLENDER17-01v0500"]
    for at, code, size in blocks(data):
        address, kind, count = struct.unpack_from("<Qii", data, at + 8)
        parts += [struct.pack("<4siQqq", code, kind, address, size, count), data[at + 24 : at + 24 + size]]
    return b"".join(parts)


def for_blender_alone(data: bytes) -> bytes:
    """Return a file that Blender opens and the reader refuses: it has its last block, DNA1, twice."""
    found = list(blocks(data))
    (at, size) = next((at, size) for at, code, size in found if code == b"DNA1")
    dna = data[at : at + 24 + size]
    return data[:at] + dna + data[at:]


def with_library(scene: Path, path: str) -> Path:
    """Set the path of the library of an uncompressed scene; Blender would make most paths relative."""
    with BlendFile(scene, mode="r+b") as blend:
        [library] = blend.find_blocks_from_code(b"LI")
        library.set(b"name", path.encode())
    return scene
