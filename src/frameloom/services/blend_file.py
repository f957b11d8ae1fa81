"""The outside of a .blend file: unpack it, walk its blocks, keep the few that describe its scenes.

A .blend is a header of 12 or 17 bytes, then blocks (a small head, then as many bytes as it says), among them
DNA1, the catalogue of every struct in it, and at last a block ENDB. The whole may be packed: by gzip before
Blender 3.0, by zstd since. Blocks pass by as a stream, so a file of any size, or one that pretends to be of
any size, costs neither memory nor disk.
"""

import gzip
import io
import os
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Self, cast

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
ZSTD_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
# File-wide facts, scenes, objects, placeholders of what lives in other files, and the catalogue; then what names a
# file: images, movie clips, libraries, fonts, sounds, caches and volumes.
KEPT = frozenset(
    {b"GLOB", b"SC\0\0", b"OB\0\0", b"ID\0\0", b"DNA1"}
    | {b"IM\0\0", b"MC\0\0", b"LI\0\0", b"VF\0\0", b"SO\0\0", b"CF\0\0", b"VO\0\0"}
)
# The catalogue takes 130 kB, a scene 10 kB, an object 1.3 kB: 400,000 objects fit, a trap does not.
MAX_BLOCK, MAX_KEPT, MAX_BLOCKS = 16 * 2**20, 512 * 2**20, 20_000_000
PIECE = 2**20
ENDS_EARLY = "it ends before its end: copy or upload it whole"
NOT_A_BLEND = "it does not begin as one"
DAMAGED = "its data are damaged"

# BLENDER-v405, and since Blender 5 with the header's own length in it: BLENDER17-01v0500.
_OLD_HEADER, _NEW_HEADER = 12, 17
_HEADER = re.compile(rb"BLENDER(?:([-_])([vV])([0-9]{3})|17-01v([0-9]{4}))")
_LATER_FORMAT = re.compile(rb"BLENDER[0-9]{2}-[0-9]{2}v")
_CODE = re.compile(rb"[A-Za-z0-9_]{2}(?:\0\0|[A-Za-z0-9_]{2})")
# The name of a member, such as *next or mat[4][4]: a bracket left open would keep the reader busy for ever.
_MEMBER = re.compile(rb"[^\[\]]+(?:\[[0-9]{1,6}\])*")


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


def condense(file: io.BufferedReader, target: IO[bytes], *, limit: int) -> Header:
    """Write to `target` a small .blend, not packed, with the blocks that describe the scenes of `file`.

    Args:
        file: an open file, at its start, packed or not.
        limit: how many bytes a packed one may unpack to.

    Raises:
        BadBlendError: it is no .blend, not whole, or unpacks to more than `limit`.
    """
    magic = file.read(4)
    file.seek(0)
    if not magic:
        raise BadBlendError("it is empty")
    if magic == b"BLEN":
        size = os.fstat(file.fileno()).st_size
        return _Walk(source=file, target=target, limit=size, beyond=ENDS_EARLY, seekable=True).run()
    with _unpacked(file, magic) as source:
        beyond = f"it unpacks to more than {limit:,} bytes, this farm's limit"
        return _Walk(source=source, target=target, limit=limit, beyond=beyond).run()


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
    """One pass over the blocks of an unpacked .blend; nothing is read beyond `limit` bytes."""

    source: io.BufferedIOBase
    target: IO[bytes]
    limit: int
    beyond: str
    seekable: bool = False
    at: int = 0
    kept: int = 0

    def run(self) -> Header:
        header = Header.read(self.source)
        self.at = len(header.raw)
        self.target.write(header.raw)
        catalogue = False
        for _ in range(MAX_BLOCKS):
            head = self.source.read(header.head.size)
            if len(head) < header.head.size:
                raise BadBlendError(ENDS_EARLY)
            fields = header.head.unpack(head)
            code, size = fields[0], fields[header.size_at]
            if code == b"ENDB":
                self.target.write(head)
                self._drain()
                if not catalogue:
                    raise BadBlendError("it does not describe its own data (no DNA1 block)")
                return header
            if size < 0 or not _CODE.fullmatch(code):
                raise BadBlendError(DAMAGED)
            self.at += len(head) + size
            if self.at > self.limit:
                raise BadBlendError(self.beyond)
            if code not in KEPT:
                self._skip(size)
                continue
            body = self._keep(head, size)
            if code == b"DNA1":
                _check_catalogue(body, header.order)
                catalogue = True
        raise BadBlendError(f"it has more than {MAX_BLOCKS:,} blocks, this farm's limit")

    def _keep(self, head: bytes, size: int) -> bytes:
        self.kept += size
        if size > MAX_BLOCK or self.kept > MAX_KEPT:
            raise BadBlendError("its scenes and objects alone take more than this farm reads")
        body = self.source.read(size)
        if len(body) < size:
            raise BadBlendError(ENDS_EARLY)
        self.target.write(head)
        self.target.write(body)
        return body

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


def _check_catalogue(data: bytes, order: str) -> None:
    """Refuse a catalogue whose counts or names would keep the reader busy without end."""
    count = struct.Struct(order + "I")
    try:
        (members,) = count.unpack_from(data, 8)
        names = data[12:].split(b"\0", min(members, len(data)))[:members]
        types_at = (12 + sum(map(len, names)) + len(names) + 3) & ~3
        (types,) = count.unpack_from(data, types_at + 4)
    except struct.error:
        raise BadBlendError(DAMAGED) from None
    whole = data[:8] == b"SDNANAME" and len(names) == members and data[types_at : types_at + 4] == b"TYPE"
    if not whole or types > len(data) or not all(map(_MEMBER.fullmatch, names)):
        raise BadBlendError(DAMAGED)
