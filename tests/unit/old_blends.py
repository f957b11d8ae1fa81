"""Writes small .blend files as old Blenders did: with their structs, pointers of 32 bits, and either byte order."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_SIZES = {"char": 1, "short": 2, "int": 4, "float": 4, "void": 0}
_FORMATS = {"short": "h", "int": "i", "float": "f"}
_ID = ["void *next", "void *prev", "void *newid", "Library *lib", "char name[24]", "short us", "short flag", "int icon"]
_LIST, _BORDER = ["void *first", "void *last"], ["float xmin", "float xmax", "float ymin", "float ymax"]
_RENDER = [
    *("short sfra", "short efra", "short frs_sec", "short scemode", "short xsch", "short ysch", "short xasp"),
    *("short yasp", "short size", "short imtype", "short quality", "short subimtype", "int mode", "rctf border"),
]

# The structs of Blender 2.43, with the members that the facts about a scene come from.
STRUCTS_243: dict[str, list[str]] = {
    "ListBase": _LIST,
    "rctf": _BORDER,
    "ID": _ID,
    "Library": ["ID id", "void *idblock", "void *filedata", "char name[240]", "char filename[240]"],
    "RenderData": _RENDER,
    "TimeMarker": ["void *next", "void *prev", "int frame", "char name[64]", "int flag"],
    "Scene": ["ID id", "Object *camera", "void *ed", "RenderData r", "ListBase markers"],
    "Object": ["ID id", "short type", "short pad", "void *data"],
    "Camera": ["ID id", "short type", "short flag", "float lens"],
    "Image": ["ID id", "char name[240]", "short source", "short type", "void *packedfile"],
    "bSound": ["ID id", "char name[160]", "void *newpackedfile"],
    "Editing": ["void *seqbasep", "ListBase seqbase"],
    "StripElem": ["char name[80]"],
    "Strip": ["void *next", "void *prev", "StripElem *stripdata", "char dir[160]"],
    "Sequence": [
        "void *next",
        "void *prev",
        "char name[24]",
        "int flag",
        "int type",
        "int machine",
        "int len",
        "Strip *strip",
    ],
    "FileGlobal": ["short pads", "short subversion", "int pad", "void *curscreen", "Scene *curscene"],
}
_SCENE: dict[str, Any] = {
    "r.sfra": 3, "r.efra": 12, "r.frs_sec": 30, "r.xsch": 640, "r.ysch": 480, "r.xasp": 59, "r.yasp": 54,
    "r.size": 75, "r.imtype": 23, "r.quality": 3,
}  # fmt: skip


@dataclass(kw_only=True)
class OldBlend:
    """A .blend file.

    Attributes:
        version: of the header, such as 243.
        order: "<" or ">", as in `struct`.
        pointer: the size of pointers in bytes.
    """

    version: int = 243
    order: str = "<"
    pointer: int = 4
    structs: Mapping[str, Sequence[str]] = field(default_factory=lambda: STRUCTS_243)
    _blocks: list[tuple[bytes, str, int, int, bytes]] = field(default_factory=list)

    def add(self, code: str, kind: str, address: int, *rows: Mapping[str, Any]) -> None:
        """Add a block with an array of structs; members without a value are 0."""
        self._blocks.append((code.encode(), kind, address, len(rows), b"".join(self._body(kind, one) for one in rows)))

    def add_scene(self, *data: tuple[str, int, Sequence[Mapping[str, Any]]], **more: Any) -> None:
        """Add a scene with a camera, at the addresses 16 and 32, as the active scene.

        `data` are the structs, the addresses and the rows of further blocks of the scene.
        """
        self.add("SC", "Scene", 16, {"id.name": "SCOld", "camera": 32} | _SCENE | more)
        for kind, address, rows in data:
            self.add("DATA", kind, address, *rows)
        self.add("OB", "Object", 32, {"id.name": "OBEye", "type": 11, "data": 48})
        self.add("CA", "Camera", 48, {"id.name": "CAEye", "lens": 35.0})

    def data(self) -> bytes:
        """Return the bytes of the file."""
        self.add("GLOB", "FileGlobal", 8, {"curscene": 16})
        names = list(self.structs)
        mark = b"v" if self.order == "<" else b"V"
        parts = [b"BLENDER" + (b"_" if self.pointer == 4 else b"-") + mark + str(self.version).encode()]
        for code, kind, address, count, body in self._blocks:
            parts += [self._head(code, len(body), address, names.index(kind), count), body]
        dna = self._dna()
        return b"".join([*parts, self._head(b"DNA1", len(dna), 4, 0, 1), dna, self._head(b"ENDB", 0, 0, 0, 0)])

    def _head(self, code: bytes, size: int, address: int, kind: int, count: int) -> bytes:
        padded = code.ljust(4, b"\0")
        if self.order == ">" and len(code) == 2:
            padded = padded[2:] + code
        layout = "i" + ("I" if self.pointer == 4 else "Q") + "ii"
        return padded + struct.pack(self.order + layout, size, address, kind, count)

    def _members(self, kind: str) -> list[tuple[str, str, int, int]]:
        """Return the type, the name, the offset and the size of each member of a struct."""
        found, at = [], 0
        for member in self.structs[kind]:
            type_name, name = member.split()
            count = int(name.partition("[")[2].rstrip("]") or 1)
            size = self.pointer if name.startswith("*") else self._size(type_name) * count
            found.append((type_name, name, at, size))
            at += size
        return found

    def _size(self, kind: str) -> int:
        return _SIZES[kind] if kind in _SIZES else sum(size for *_, size in self._members(kind))

    def _body(self, kind: str, values: Mapping[str, Any]) -> bytes:
        body = bytearray(self._size(kind))
        for path, value in values.items():
            self._put(body, kind, path, value, at=0)
        return bytes(body)

    def _put(self, body: bytearray, kind: str, path: str, value: Any, *, at: int) -> None:
        first, _, rest = path.partition(".")
        for type_name, name, offset, size in self._members(kind):
            if name.lstrip("*").partition("[")[0] != first:
                continue
            if rest:
                self._put(body, type_name, rest, value, at=at + offset)
            elif name.startswith("*"):
                struct.pack_into(self.order + ("I" if size == 4 else "Q"), body, at + offset, value)
            elif type_name == "char":
                body[at + offset : at + offset + size] = str(value).encode().ljust(size, b"\0")
            else:
                struct.pack_into(self.order + _FORMATS[type_name], body, at + offset, value)
            return
        raise KeyError(f"{kind} has no member {path}")

    def _dna(self) -> bytes:
        members = list(dict.fromkeys(name for kind in self.structs for _, name, *_ in self._members(kind)))
        types = [*_SIZES, *self.structs]
        types += [one for kind in self.structs for one, *_ in self._members(kind) if one not in types]
        types = list(dict.fromkeys(types))
        known = {*_SIZES, *self.structs}

        def aligned(data: bytes) -> bytes:
            return data + bytes(-len(data) % 4)

        def texts(mark: bytes, names: Sequence[str]) -> bytes:
            listed = b"".join(name.encode() + b"\0" for name in names)
            return aligned(mark + struct.pack(self.order + "I", len(names)) + listed)

        sizes = [self._size(one) if one in known else 0 for one in types]
        lengths = aligned(b"TLEN" + struct.pack(f"{self.order}{len(sizes)}H", *sizes))
        structs = b"STRC" + struct.pack(self.order + "I", len(self.structs))
        for kind in self.structs:
            found = self._members(kind)
            pairs = [number for one, name, *_ in found for number in (types.index(one), members.index(name))]
            structs += struct.pack(f"{self.order}{2 + len(pairs)}H", types.index(kind), len(found), *pairs)
        return texts(b"SDNANAME", members) + texts(b"TYPE", types) + lengths + structs
