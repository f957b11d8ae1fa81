"""Reads the blocks of a decompressed .blend file as a stream, within limits on bytes and blocks."""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from frameloom.services.scene.blend_format import DAMAGED, INCOMPLETE, BadBlendError, Header
from frameloom.services.scene.decompress import decompressed

MAX_BLOCKS = 20_000_000
_CODE = re.compile(rb"[A-Za-z0-9_]{2}(?:\0\0|[A-Za-z0-9_]{2})")
_PIECE = 2**20


# The head of a block, then from it the code, the size of the body and the struct's number. A plain tuple, since a file
# may have millions.
Block = tuple[bytes, bytes, int, int]


class BlockReader:
    """One pass over the blocks of a file.

    Args:
        limit: the number of bytes up to which blocks are read.
        problem: the message for a file with more bytes.
        seekable: whether `source` can seek past bodies, and has no bytes after the last block to check.
    """

    def __init__(self, source: io.BufferedIOBase, *, limit: int, problem: str, seekable: bool) -> None:
        self.header = Header.read(source)
        self._source, self._limit, self._problem, self._seekable = source, limit, problem, seekable
        self._at = len(self.header.raw)

    def __iter__(self) -> Iterator[Block]:
        """Yield all blocks, the last one (ENDB) included, with the codes of a little-endian file.

        Before the next block, `read` or `skip` the body.

        Raises:
            BadBlendError: the file is cut or damaged, or has more bytes or blocks than the limits.
        """
        size_at, struct_at = self.header.size_at, self.header.struct_at
        length, unpack, source = self.header.head.size, self.header.head.unpack, self._source
        swapped = self.header.byte_order == ">"
        for _ in range(MAX_BLOCKS):
            head = source.read(length)
            if len(head) < length:
                raise BadBlendError(INCOMPLETE)
            if swapped and head.startswith(b"\0\0"):
                # A code of two letters is a number, which a big-endian machine wrote the other way round.
                head = head[2:4] + b"\0\0" + head[4:]
            fields = unpack(head)
            code, size = fields[0], fields[size_at]
            if code == b"ENDB":
                yield head, code, 0, 0
                self._drain()
                return
            if size < 0 or not _CODE.fullmatch(code):
                raise BadBlendError(DAMAGED)
            self._at += length + size
            if self._at > self._limit:
                raise BadBlendError(self._problem)
            yield head, code, size, fields[struct_at]
        raise BadBlendError(f"it has more than {MAX_BLOCKS:,} blocks, this farm's limit")

    def read(self, size: int) -> bytes:
        """Return the body of the current block.

        Raises:
            BadBlendError: the file ends before the body does.
        """
        body = self._source.read(size)
        if len(body) < size:
            raise BadBlendError(INCOMPLETE)
        return body

    def copy(self, size: int, path: Path) -> None:
        """Write the body of the current block to a file.

        Raises:
            BadBlendError: the file ends before the body does.
        """
        with path.open("wb") as target:
            while size > 0:
                piece = self.read(min(size, _PIECE))
                target.write(piece)
                size -= len(piece)

    def skip(self, size: int) -> None:
        """Skip the body of the current block."""
        if self._seekable:
            self._source.seek(size, os.SEEK_CUR)
            return
        while size > 0:
            piece = self._source.read(min(size, _PIECE))
            if not piece:
                raise BadBlendError(INCOMPLETE)
            size -= len(piece)

    def _drain(self) -> None:
        # The bytes after the last block are not used, but a compressed file is whole only if all of it decompresses.
        while not self._seekable and (piece := self._source.read(_PIECE)):
            self._at += len(piece)
            if self._at > self._limit:
                raise BadBlendError(self._problem)


@contextmanager
def open_blocks(file: io.BufferedReader, *, limit: int) -> Iterator[BlockReader]:
    """Yield a reader of the blocks of `file`, from its start, compressed or not.

    Args:
        limit: the number of bytes that a compressed file may decompress to.

    Raises:
        BadBlendError: the file is empty, or not a .blend file.
    """
    file.seek(0)
    magic = file.read(4)
    file.seek(0)
    if not magic:
        raise BadBlendError("it is empty")
    if magic == b"BLEN":
        size = os.fstat(file.fileno()).st_size
        yield BlockReader(file, limit=size, problem=INCOMPLETE, seekable=True)
        return
    with decompressed(file, magic) as source:
        problem = f"it decompresses to more than {limit:,} bytes, this farm's limit"
        yield BlockReader(source, limit=limit, problem=problem, seekable=False)
