"""Copies files that are packed into a .blend file out of it, such as libraries."""

import struct
from collections.abc import Collection, Iterator
from pathlib import Path

from frameloom.services.scene.blend_format import DAMAGED, BadBlendError
from frameloom.services.scene.blocks import open_blocks

# PackedFile of DNA_packedFile_types.h: its size and a position, each of four bytes, and the address of its bytes.
_ADDRESS_AT = 8
# In bytes; a larger block is no PackedFile.
_MAX_STRUCT = 64


def unpack_files(path: Path, addresses: Collection[int], folder: Path, *, limit: int) -> Iterator[tuple[int, Path]]:
    """Yield the packed files with these addresses, each in a file in `folder` that may be removed after its turn.

    Args:
        limit: the number of bytes that a compressed file may decompress to.

    Raises:
        BadBlendError: the file is damaged.
    """
    data = _data_addresses(path, addresses, limit=limit)
    with path.open("rb") as file, open_blocks(file, limit=limit) as reader:
        for head, code, size, _ in reader:
            address = reader.header.head.unpack(head)[2] if code != b"ENDB" else None
            if address in data:
                copied = folder / f"{address:x}.blend"
                reader.copy(size, copied)
                yield data.pop(address), copied
            elif code != b"ENDB":
                reader.skip(size)


def _data_addresses(path: Path, addresses: Collection[int], *, limit: int) -> dict[int, int]:
    """Return the addresses of packed files by those of their bytes, which Blender 5 writes before the struct."""
    wanted, data = set(addresses), dict[int, int]()
    with path.open("rb") as file, open_blocks(file, limit=limit) as reader:
        order, head_layout = reader.header.byte_order, reader.header.head
        pointer = struct.Struct(order + ("Q" if head_layout.size in (24, 32) else "I"))
        for head, code, size, _ in reader:
            if code == b"ENDB":
                continue
            address = head_layout.unpack(head)[2]
            if address in wanted and size <= _MAX_STRUCT:
                wanted.remove(address)
                body = reader.read(size)
                if len(body) < _ADDRESS_AT + pointer.size:
                    raise BadBlendError(DAMAGED)
                data[pointer.unpack_from(body, _ADDRESS_AT)[0]] = address
            else:
                reader.skip(size)
    return data
