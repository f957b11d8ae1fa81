"""The outside of a .blend file: unpack it, walk its blocks, keep the few that describe its scenes.

A .blend is a header of 12 or 17 bytes, then blocks (a small head, then as many bytes as it says), among them
DNA1, the catalogue of every struct in it, and at last a block ENDB. The whole may be packed: by gzip before
Blender 3.0, by zstd since. Blocks pass by as a stream, so a file of any size, or one that pretends to be of
any size, costs neither memory nor disk. What a block of data holds is known by the catalogue alone, which comes last:
a file that has some of what is looked for passes by twice.
"""

import gzip
import io
import os
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Self, cast

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
ZSTD_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
# File-wide facts, scenes, objects, texts, placeholders of data in other files, and the catalogue; then data-blocks that
# name a file: images, movie clips, libraries, fonts, sounds, caches, volumes, node groups and cameras.
KEPT = frozenset(
    {b"GLOB", b"SC\0\0", b"OB\0\0", b"TX\0\0", b"ID\0\0", b"DNA1"}
    | {b"IM\0\0", b"MC\0\0", b"LI\0\0", b"VF\0\0", b"SO\0\0", b"CF\0\0", b"VO\0\0", b"NT\0\0", b"CA\0\0"}
)
# Parts of data-blocks that name files: modifiers, caches, strips and nodes; parts that name colour spaces; code, in
# drivers and Freestyle styles; strips and markers, from which a scene may render without a camera of its own. They are
# blocks of data, identified by their struct.
PARTS = frozenset({
    b"ChannelDriver", b"DriverVar", b"Editing", b"FreestyleModuleConfig", b"NodeConvertColorSpace",
    b"CacheFileLayer", b"CustomDataExternal", b"FluidDomainSettings", b"ImageView", b"MeshCacheModifierData",
    b"NodesModifierBake", b"NodesModifierData", b"NodeShaderScript", b"NodeShaderTexIES", b"OceanModifierData",
    b"PointCache", b"Sequence", b"Strip", b"StripElem", b"TimeMarker",
})  # fmt: skip
# The structs that determine the path of a Geometry Nodes import node, kept only if the file has such a node.
NODES = frozenset({
    b"IDProperty", b"NodeInputString", b"bNode", b"bNodeLink", b"bNodeSocket", b"bNodeSocketValueString",
})  # fmt: skip
# The prefix of the identifiers of these nodes, and a size that no node exceeds: Blender's nodes take 400 bytes.
_IMPORT_NODE, _LARGEST_NODE = b"GeometryNodeImport", 4096
# Blocks without a struct have this one's number. Among them are paths that a Geometry Nodes modifier points to.
_RAW, _POINTS_TO_PATHS = 0, b"NodesModifierData"
_LONGEST_PATH, _PATH, _TEXT = 1024, re.compile(rb"/|[A-Za-z]:[/\\]"), re.compile(rb"[^\0]*\0+")
# Structs kept only if the file has the struct before or after which they are stored.
_COMPANIONS = {b"FreestyleModuleConfig": (b"ViewLayer", b"SceneRenderLayer")}
# A driver's place: its data-block, its curve, and the path from the data-block to the property. All three are stored
# before the driver. Beyond this many bytes they are not kept, and the driver has no place.
_DRIVER, _CURVE, _MOST_WAITING = b"ChannelDriver", b"FCurve", 16 * 2**20
_PROPERTY = re.compile(rb"[\x20-\x7e\x80-\xff]+\0+")
# The catalogue takes 130 kB, a scene 10 kB, an object 1.3 kB: 400,000 objects fit, a trap does not.
MAX_BLOCK, MAX_KEPT, MAX_BLOCKS = 16 * 2**20, 512 * 2**20, 20_000_000
PIECE = 2**20
# Two bytes hold the number of a struct's type, so there are no more.
_MOST_STRUCTS = 2**16
ENDS_EARLY = "it ends before its end: copy or upload it whole"
NOT_A_BLEND = "it does not begin as one"
DAMAGED = "its data are damaged"

# BLENDER-v405, and since Blender 5 with the header's own length in it: BLENDER17-01v0500.
_OLD_HEADER, _NEW_HEADER = 12, 17
_HEADER = re.compile(rb"BLENDER(?:([-_])([vV])([0-9]{3})|17-01v([0-9]{4}))")
_LATER_FORMAT = re.compile(rb"BLENDER[0-9]{2}-[0-9]{2}v")
_CODE = re.compile(rb"[A-Za-z0-9_]{2}(?:\0\0|[A-Za-z0-9_]{2})")
# The name of a member, such as *next or mat[4][4], and [3] in files of 2.48: a bracket left open would keep the reader
# busy for ever.
_MEMBER = re.compile(rb"[^\[\]]+(?:\[[0-9]{1,6}\])*|\[[0-9]{1,6}\]")


class BadBlendError(Exception):
    """The file is not a readable .blend; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A file's first bytes: the Blender that saved it, and how its blocks begin.

    Attributes:
        version: major and minor.
        order: "<" or ">", as `struct` writes the order of bytes.
        head: the layout of a block's head; its items are code, size, address, struct, count, or with the size
            and the struct changed over (`size_at`).
    """

    raw: bytes
    version: tuple[int, int]
    order: str
    head: struct.Struct
    size_at: int

    @classmethod
    def read(cls, source: io.BufferedIOBase) -> Self:
        """Read the header and leave `source` at the first block.

        Raises:
            BadBlendError: these are not the first bytes of a .blend.
        """
        raw = source.read(_OLD_HEADER)
        if raw.startswith(b"BLENDER") and raw[7:8].isdigit():
            raw += source.read(_NEW_HEADER - _OLD_HEADER)
        match = _HEADER.fullmatch(raw)
        if match is None:
            if _LATER_FORMAT.match(raw):
                raise BadBlendError("its file format is newer than any that this farm can read")
            raise BadBlendError(ENDS_EARLY if raw.startswith(b"BLENDER") and len(raw) < _OLD_HEADER else NOT_A_BLEND)
        pointer, order, old_number, new_number = match.groups()
        if new_number is not None:
            version, byte_order, layout, size_at = int(new_number), "<", "4siQqq", 3
        else:
            version, byte_order = int(old_number), "<" if order == b"v" else ">"
            layout, size_at = "4siQii" if pointer == b"-" else "4siIii", 1
        return cls(
            raw=raw,
            version=divmod(version, 100),
            order=byte_order,
            head=struct.Struct(byte_order + layout),
            size_at=size_at,
        )

    @property
    def struct_at(self) -> int:
        """Return where among the items of a head the number of its struct is."""
        return 4 - self.size_at


def condense(file: io.BufferedReader, target: IO[bytes], *, limit: int) -> Header:
    """Write to `target` a small .blend, not packed, with the blocks that describe the scenes of `file`.

    Args:
        file: an open file, at its start, packed or not.
        limit: how many bytes a packed one may unpack to.

    Raises:
        BadBlendError: it is no .blend, not whole, or unpacks to more than `limit`.
    """
    first = _walk(file, target, limit, parts=frozenset(), texts=False)
    parts = first.parts_met()
    if parts:
        target.seek(0)
        target.truncate()
        _walk(file, target, limit, parts=parts, curve=first.curve_met(), texts=first.imports)
    return first.header


def _walk(
    file: io.BufferedReader,
    target: IO[bytes],
    limit: int,
    *,
    parts: frozenset[int],
    curve: int | None = None,
    texts: bool = False,
) -> "_Walk":
    file.seek(0)
    magic = file.read(4)
    file.seek(0)
    if not magic:
        raise BadBlendError("it is empty")
    if magic == b"BLEN":
        size = os.fstat(file.fileno()).st_size
        beyond = ENDS_EARLY
        walk = _Walk(
            source=file, target=target, limit=size, beyond=beyond, seekable=True, parts=parts, curve=curve, texts=texts
        )
        walk.run()
        return walk
    with _unpacked(file, magic) as source:
        beyond = f"it unpacks to more than {limit:,} bytes, this farm's limit"
        walk = _Walk(source=source, target=target, limit=limit, beyond=beyond, parts=parts, curve=curve, texts=texts)
        walk.run()
        return walk


@contextmanager
def _unpacked(file: io.BufferedReader, magic: bytes) -> Iterator[io.BufferedIOBase]:
    """Yield what `file` unpacks to, and turn what a packer says of damage into our own words."""
    if magic[:2] == GZIP:
        try:
            with gzip.GzipFile(fileobj=file) as source:
                yield source
        except EOFError:
            raise BadBlendError(ENDS_EARLY) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise BadBlendError(DAMAGED) from error
    elif magic == ZSTD or ZSTD_SKIPPABLE.fullmatch(magic):
        # A Lambda that reads no packed scene does not pay for the import.
        import zstandard  # noqa: PLC0415

        if not _zstd_is_whole(file):
            raise BadBlendError(ENDS_EARLY)
        try:
            reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True, closefd=False)
            with io.BufferedReader(cast("io.RawIOBase", reader), PIECE) as source:
                yield source
        except zstandard.ZstdError as error:
            raise BadBlendError(DAMAGED) from error
    else:
        raise BadBlendError(NOT_A_BLEND)


@dataclass(slots=True, kw_only=True)
class _Walk:
    """One pass over the blocks of an unpacked .blend; nothing is read beyond `limit` bytes.

    Attributes:
        parts: the numbers of the structs whose blocks of data are kept.
        curve: the number of the struct of curves, None where the file has no driver.
        texts: whether all short texts are kept, not only paths.
        met: the numbers of the structs of the blocks of data read so far.
        imports: whether one of them was an import node.
        structs: the names of all, by number.
    """

    source: io.BufferedIOBase
    target: IO[bytes]
    limit: int
    beyond: str
    parts: frozenset[int]
    curve: int | None = None
    texts: bool = False
    seekable: bool = False
    at: int = 0
    kept: int = 0
    waiting: list[tuple[bytes, bytes]] = field(default_factory=list)
    wait: int = 0
    met: set[int] = field(default_factory=set)
    imports: bool = False
    structs: list[bytes] = field(default_factory=list)
    header: Header = field(init=False)

    def parts_met(self) -> frozenset[int]:
        """Return the numbers of the structs to be kept in a second pass; none where there is nothing to keep."""
        wanted = PARTS | NODES if self.imports else PARTS
        numbers = {number for number, name in enumerate(self.structs) if name in wanted and number in self.met}
        names = {self.structs[number] for number in numbers}
        companions = {companion for name in names for companion in _COMPANIONS.get(name, ())}
        numbers |= {number for number, name in enumerate(self.structs) if name in companions}
        if self.imports or _POINTS_TO_PATHS in names:
            numbers.add(_RAW)
        return frozenset(numbers)

    def curve_met(self) -> int | None:
        """Return the number of the struct of curves, None if the file has no driver."""
        drivers = {number for number, name in enumerate(self.structs) if name == _DRIVER}
        return self.structs.index(_CURVE) if drivers & self.met and _CURVE in self.structs else None

    def run(self) -> None:
        header = self.header = Header.read(self.source)
        self.at = len(header.raw)
        self.target.write(header.raw)
        for _ in range(MAX_BLOCKS):
            head = self.source.read(header.head.size)
            if len(head) < header.head.size:
                raise BadBlendError(ENDS_EARLY)
            fields = header.head.unpack(head)
            code, size = fields[0], fields[header.size_at]
            if code == b"ENDB":
                self.target.write(head)
                self._drain()
                if not self.structs:
                    raise BadBlendError("it does not describe its own data (no DNA1 block)")
                return
            if size < 0 or not _CODE.fullmatch(code):
                raise BadBlendError(DAMAGED)
            self.at += len(head) + size
            if self.at > self.limit:
                raise BadBlendError(self.beyond)
            self._pass_by(head, code, size, fields[header.struct_at])
        raise BadBlendError(f"it has more than {MAX_BLOCKS:,} blocks, this farm's limit")

    def _pass_by(self, head: bytes, code: bytes, size: int, struct_number: int) -> None:
        """Keep a block or skip it."""
        if code == b"DNA1" and self.structs:
            # Blender goes by the first, the reader by the last: they would see two scenes in one file.
            raise BadBlendError(DAMAGED)
        if code != b"DATA":
            # The next data-block begins.
            self.waiting, self.wait = [], 0
        if code in KEPT:
            body = self._read(size)
            self._keep(head, body)
            if code == b"DNA1":
                self.structs = _read_catalogue(body, self.header.order)
            return
        if code == b"DATA":
            self._pass_data_by(head, size, struct_number)
        elif self.curve is None:
            self._skip(size)
        else:
            self._hold(head, self._read(size))

    def _pass_data_by(self, head: bytes, size: int, struct_number: int) -> None:
        if 0 <= struct_number < _MOST_STRUCTS:
            self.met.add(struct_number)
        if not self.parts and not self.imports and size <= _LARGEST_NODE:
            # In the first pass: if it meets an import node, the second pass keeps nodes.
            self.imports = _IMPORT_NODE in self._read(size)
        elif struct_number == _RAW:
            self._pass_raw_by(head, size)
        elif struct_number in self.parts:
            for before in self.waiting:
                self._keep(*before)
            self.waiting, self.wait = [], 0
            self._keep(head, self._read(size))
        elif struct_number == self.curve:
            self._hold(head, self._read(size))
        else:
            self._skip(size)

    def _pass_raw_by(self, head: bytes, size: int) -> None:
        """Keep a possible path to a file, and hold a possible path to a property."""
        if size > _LONGEST_PATH or (self.curve is None and _RAW not in self.parts):
            self._skip(size)
            return
        body = self._read(size)
        if _RAW in self.parts and (_TEXT.fullmatch(body) if self.texts else _PATH.match(body)):
            self._keep(head, body)
        elif _PROPERTY.fullmatch(body):
            self._hold(head, body)

    def _hold(self, head: bytes, body: bytes) -> None:
        """Hold a block that is kept only if a driver follows."""
        if self.curve is None or self.wait + len(body) > _MOST_WAITING:
            return
        self.waiting.append((head, body))
        self.wait += len(body)

    def _read(self, size: int) -> bytes:
        if size > MAX_BLOCK or self.kept + size > MAX_KEPT:
            raise BadBlendError("its scenes and objects alone take more than this farm reads")
        body = self.source.read(size)
        if len(body) < size:
            raise BadBlendError(ENDS_EARLY)
        return body

    def _keep(self, head: bytes, body: bytes) -> None:
        self.kept += len(body)
        self.target.write(head)
        self.target.write(body)

    def _skip(self, size: int) -> None:
        if self.seekable:
            self.source.seek(size, os.SEEK_CUR)
            return
        while size > 0:
            piece = self.source.read(min(size, PIECE))
            if not piece:
                raise BadBlendError(ENDS_EARLY)
            size -= len(piece)

    def _drain(self) -> None:
        # What follows the last block is no concern of ours, but a packed file is whole only if all unpacks.
        while not self.seekable and (piece := self.source.read(PIECE)):
            self.at += len(piece)
            if self.at > self.limit:
                raise BadBlendError(self.beyond)


def _zstd_is_whole(file: io.BufferedReader) -> bool:
    """Say whether the last frame of a zstd file ends where the file does; leave `file` at its start.

    zstandard's reader takes a file that stops within a frame for one that ends there.
    """
    end, at = file.seek(0, os.SEEK_END), 0
    while at < end:
        at = _after_frame(file, at)
    file.seek(0)
    return at == end


def _after_frame(file: io.BufferedReader, at: int) -> int:
    """Return where the frame at `at` should end: beyond the file's end where it is cut. See RFC 8878, 3.1."""
    file.seek(at)
    start = file.read(8).ljust(8, b"\0")
    if start[:4] != ZSTD:  # a frame to be skipped, or garbage, of which the decompressor will complain
        return at + 8 + int.from_bytes(start[4:], "little")
    flags = start[4]
    single = flags >> 5 & 1
    at += 5 + (1 - single) + (0, 1, 2, 4)[flags & 3] + (single, 2, 4, 8)[flags >> 6]
    last = 0
    while not last:
        file.seek(at)
        head = file.read(3)
        if len(head) < 3:
            return at + 3
        number = int.from_bytes(head, "little")
        last, kind, size = number & 1, number >> 1 & 3, number >> 3
        at += 3 + (1 if kind == 1 else size)  # one byte, repeated, or as many as there are
    return at + (4 if flags & 4 else 0)  # the checksum


def _read_catalogue(data: bytes, order: str) -> list[bytes]:
    """Return the names of all structs, by number; refuse counts or names that would keep the reader busy without end.

    Four lists follow each other, each after four letters that tell it and from the next multiple of four bytes on: the
    names of members, the names of types, the sizes of types, and of each struct its type and its members.
    """
    count = struct.Struct(order + "I")
    pair = struct.Struct(order + "HH")
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
