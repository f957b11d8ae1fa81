"""Changes the paths of linked libraries in a .blend file, without Blender and without a reader of its structs."""

import re
from collections.abc import Iterator, Mapping
from io import BufferedIOBase
from pathlib import Path
from typing import IO

from frameloom.services.scene.blend_format import BadBlendError
from frameloom.services.scene.blocks import open_blocks
from frameloom.services.scene.decompress import decompressed

# A decompressed file of more bytes is refused, as by the reader of scenes.
_LIMIT = 8 * 2**30
_LIBRARY = b"LI\0\0"
# The block of a library, with two paths of 1,024 bytes.
_LARGEST = 2**16


def relink(path: Path, links: Mapping[str, str]) -> None:
    """Replace the paths of libraries in the file at `path`, which becomes uncompressed; each may be shorter or longer.

    Args:
        links: the new paths by the old ones.

    Raises:
        BadBlendError: the file is not a .blend file, or a new path does not fit into its field.
    """
    with path.open("rb") as file:
        if not any(change for _, change in _changes(file, links)):
            return
        file.seek(0)
        magic = file.read(4)
        file.seek(0)
        plain = magic == b"BLEN"
        if not plain:
            unpacked = path.with_name(path.name + ".unpacked")
            with decompressed(file, magic) as source, unpacked.open("wb") as target:
                _copy(source, target)
    if not plain:
        unpacked.replace(path)
    with path.open("r+b") as file:
        for at, change in list(_changes(file, links)):
            file.seek(at)
            file.write(change)


def _copy(source: BufferedIOBase, target: IO[bytes]) -> None:
    left = _LIMIT
    while piece := source.read(2**20):
        left -= len(piece)
        if left < 0:
            raise BadBlendError(f"it decompresses to more than {_LIMIT:,} bytes, this farm's limit")
        target.write(piece)


def _changes(file: IO[bytes], links: Mapping[str, str]) -> Iterator[tuple[int, bytes]]:
    """Yield the places in the decompressed file, with the bytes to write there."""
    olds = {old.encode(errors="surrogateescape"): new.encode(errors="surrogateescape") for old, new in links.items()}
    with open_blocks(file, limit=_LIMIT) as reader:  # type: ignore[arg-type]
        at = len(reader.header.raw)
        for head, code, size, _ in reader:
            at += len(head)
            if code == _LIBRARY and size <= _LARGEST:
                body = reader.read(size)
                for old, new in olds.items():
                    yield from ((at + start, change) for start, change in _in_block(body, old, new))
            elif code != b"ENDB":
                reader.skip(size)
            at += size


def _in_block(body: bytes, old: bytes, new: bytes) -> Iterator[tuple[int, bytes]]:
    # A field of a struct is padded with zeros, and no printable byte precedes it: a pointer's last byte is zero.
    for found in re.finditer(rb"(?<![\x20-\xff])" + re.escape(old) + rb"\0+", body):
        if len(new) >= len(found[0]):
            raise BadBlendError(f"the path of a library is too long for it: {new.decode(errors='replace')!r}")
        yield found.start(), new.ljust(len(old), b"\0") + (b"\0" if len(new) >= len(old) else b"")
