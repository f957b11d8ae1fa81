"""The layout of a .blend file: its header and DNA1, the block that describes all structs in the file.

A .blend file has a header of 12 or 17 bytes and then blocks. Each block has a head, which holds its size, and a body.
The last block is ENDB.
"""

import io
import re
import struct
from dataclasses import dataclass
from typing import Self

# Parts of messages: `SceneUnreadable` puts them after the file's name.
INCOMPLETE = "it is incomplete: copy or upload the whole file"
NOT_A_BLEND = "it does not start with a .blend header"
DAMAGED = "its data is damaged"
TOO_LARGE = "its scenes and objects take more memory than this farm allows"
UNCERTAIN = frozenset({DAMAGED, TOO_LARGE})

# BLENDER-v405, and since Blender 5.0 with the header's own length: BLENDER17-01v0500.
_OLD_HEADER, _NEW_HEADER = 12, 17
_HEADER = re.compile(rb"BLENDER(?:([-_])([vV])([0-9]{3})|17-01v([0-9]{4}))")
_LATER_FORMAT = re.compile(rb"BLENDER[0-9]{2}-[0-9]{2}v")
# The name of a member, such as *next or mat[4][4], and [3] in files of 2.48. The reader would loop endlessly on a name
# with an unclosed bracket.
_MEMBER = re.compile(rb"[^\[\]]+(?:\[[0-9]{1,6}\])*|\[[0-9]{1,6}\]")


class BadBlendError(Exception):
    """The file is not a readable .blend file; the text is the reason.

    Attributes:
        certain: whether Blender cannot read the file either. Blender may read a file that this package calls damaged.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.certain = problem not in UNCERTAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first bytes of a file: the Blender version that saved it, and the layout of its block heads.

    Attributes:
        version: major and minor.
        byte_order: "<" or ">", as in `struct`.
        head: the layout of a block head. Its items are code, size, address, struct, count; in the new format, size and
            struct are swapped (`size_at`).
    """

    raw: bytes
    version: tuple[int, int]
    byte_order: str
    head: struct.Struct
    size_at: int

    @classmethod
    def read(cls, source: io.BufferedIOBase) -> Self:
        """Read the header and leave `source` at the first block.

        Raises:
            BadBlendError: the first bytes are not those of a .blend file.
        """
        raw = source.read(_OLD_HEADER)
        if raw.startswith(b"BLENDER") and raw[7:8].isdigit():
            raw += source.read(_NEW_HEADER - _OLD_HEADER)
        match = _HEADER.fullmatch(raw)
        if match is None:
            if _LATER_FORMAT.match(raw):
                raise BadBlendError("its file format is too new for this farm: save it with an older Blender")
            raise BadBlendError(INCOMPLETE if raw.startswith(b"BLENDER") and len(raw) < _OLD_HEADER else NOT_A_BLEND)
        pointer, order, old_number, new_number = match.groups()
        if new_number is not None:
            version, byte_order, layout, size_at = int(new_number), "<", "4siQqq", 3
        else:
            version, byte_order = int(old_number), "<" if order == b"v" else ">"
            layout, size_at = "4siQii" if pointer == b"-" else "4siIii", 1
        return cls(
            raw=raw,
            version=divmod(version, 100),
            byte_order=byte_order,
            head=struct.Struct(byte_order + layout),
            size_at=size_at,
        )

    @property
    def struct_at(self) -> int:
        """Return the index of the struct's number among the items of a block head."""
        return 4 - self.size_at


def read_struct_names(data: bytes, byte_order: str) -> list[bytes]:
    """Return the names of all structs in the body of DNA1, in the order of their numbers.

    The body holds four lists: the names of members, the names of types, the sizes of types, and for each struct its
    type and its members. Each list starts at a multiple of four bytes, with four letters that identify it.

    Raises:
        BadBlendError: a count or a name is damaged, or would keep a reader busy endlessly.
    """
    count = struct.Struct(byte_order + "I")
    pair = struct.Struct(byte_order + "HH")
    try:
        (members,) = count.unpack_from(data, 8)
        names = data[12:].split(b"\0", min(members, len(data)))[:members]
        types_at = (12 + sum(map(len, names)) + len(names) + 3) & ~3
        (number,) = count.unpack_from(data, types_at + 4)
        types = data[types_at + 8 :].split(b"\0", min(number, len(data)))[:number]
        sizes_at = (types_at + 8 + sum(map(len, types)) + len(types) + 3) & ~3
        structs_at = (sizes_at + 4 + 2 * number + 3) & ~3
        (structs,) = count.unpack_from(data, structs_at + 4)
        at, found = structs_at + 8, []
        for _ in range(structs):
            kind, fields = pair.unpack_from(data, at)
            found.append(types[kind])
            at += pair.size * (1 + fields)
    except (struct.error, IndexError):
        raise BadBlendError(DAMAGED) from None
    marks = data[:8] + data[types_at : types_at + 4] + data[sizes_at : sizes_at + 4] + data[structs_at : structs_at + 4]
    if marks != b"SDNANAMETYPETLENSTRC" or len(names) != members or not all(map(_MEMBER.fullmatch, names)):
        raise BadBlendError(DAMAGED)
    return found
