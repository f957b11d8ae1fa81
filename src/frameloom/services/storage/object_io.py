"""Objects in a bucket as files, read in ranges and written in parts, without a copy in memory or on disk.

Objects may be as large as S3 allows. Memory use does not grow with their size, except for parts beyond 77 GiB.
"""

import io
from collections import OrderedDict, deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from frameloom.services.storage.ports import Parts, StoredObject, StreamStore

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

# Large enough that a request's latency is negligible.
BLOCK_BYTES = 4 * 1024 * 1024
# Blocks that are fetched ahead, and blocks that are kept: libav opens a file at its beginning and its end.
BLOCKS_AHEAD, BLOCKS_KEPT = 3, 6
# S3's limits: 10,000 parts, and 5 MiB or more in each part but the last.
PART_BYTES, MOST_PARTS = 8 * 1024 * 1024, 10_000
# Parts that are sent at once.
PARTS_AT_ONCE = 4


def part_bytes(total: int) -> int:
    """Return the bytes of a part so that `total` bytes need fewer parts than S3's limit."""
    return max(PART_BYTES, -(-total // (MOST_PARTS - 100)))


class ObjectReader(io.RawIOBase):
    """A seekable object, in blocks that are fetched ahead. Its first and last block are fetched at once.

    All bytes are of the version `stored`. Reading raises LookupError if that version no longer exists.
    """

    def __init__(
        self,
        store: StreamStore,
        bucket: str,
        stored: StoredObject,
        pool: ThreadPoolExecutor,
        *,
        block: int = BLOCK_BYTES,
    ) -> None:
        self._store, self._bucket, self._stored, self._pool = store, bucket, stored, pool
        self._block = block
        self._blocks: OrderedDict[int, Future[bytes]] = OrderedDict()
        self._position = 0
        if stored.size:
            self._fetch(0)
            self._fetch((stored.size - 1) // block)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position of the next byte to read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position of the next byte to read."""
        self._position = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._stored.size}[whence] + offset
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read bytes into `buffer`, at most to the end of a block; return their number, 0 at the end of the object."""
        if self._position >= self._stored.size:
            return 0
        number, offset = divmod(self._position, self._block)
        wanted = self._fetch(number)
        for following in range(number + 1, min(number + 1 + BLOCKS_AHEAD, -(-self._stored.size // self._block))):
            self._fetch(following)
        room = memoryview(buffer).cast("B")
        piece = memoryview(wanted.result())[offset : offset + len(room)]
        room[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _fetch(self, number: int) -> Future[bytes]:
        """Return a block, fetched or in progress, and drop the blocks that were not used for the longest time."""
        if number not in self._blocks:
            start = number * self._block
            length = min(self._block, self._stored.size - start)
            self._blocks[number] = self._pool.submit(
                self._store.read, self._bucket, self._stored.key, start=start, length=length, etag=self._stored.etag
            )
        self._blocks.move_to_end(number)
        while len(self._blocks) > BLOCKS_KEPT:
            self._blocks.popitem(last=False)[1].cancel()
        return self._blocks[number]


class ObjectWriter(io.RawIOBase):
    """An object that is written forward, except for its first `head` bytes, which may be written again until the end.

    The head is part 1, and is sent last. A context manager: at its end, every part has been sent. After an error in
    the block, no part is being sent.
    """

    def __init__(self, parts: Parts, *, head: int, part: int = PART_BYTES) -> None:
        self._parts, self._part, self._most = parts, part, head
        self._head = bytearray()
        # Bytes after the head that have not been sent.
        self._tail = bytearray()
        self._position = 0
        # The bytes that were written.
        self.size = 0
        self._next_part = 2
        self._pool = ThreadPoolExecutor(PARTS_AT_ONCE, thread_name_prefix="part")
        self._sent: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Send the remaining parts; after an error in the block, send nothing."""
        with self._pool:
            if kind is not None:
                self._pool.shutdown(cancel_futures=True)
                return
            if self._tail:
                self._send()
            while self._sent:
                self._sent.popleft().result()
            self._parts.put(1, bytes(self._head))

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position of the next byte to write."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position of the next byte to write. Skipped bytes of the head are zero."""
        self._position = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence] + offset
        return self._position

    def write(self, data: "ReadableBuffer") -> int:
        """Write all of `data`.

        Raises:
            ValueError: the position is neither in the head nor at the end.
        """
        piece = memoryview(data).cast("B")
        written = len(piece)
        ends_behind, skips = self._position + written > self._most, self._position > max(self.size, self._most - 1)
        if ends_behind and (skips or self._position < self.size):
            raise ValueError("bytes after the head can only be written once, in order")
        if self._position < self._most:
            self._write_head(piece[: self._most - self._position])
            piece = piece[self._most - self._position :]
        if piece:
            self._write_tail(piece)
        self._position += written
        self.size = max(self.size, self._position)
        return written

    def _write_head(self, piece: memoryview) -> None:
        if self._position > len(self._head):
            self._head.extend(bytes(self._position - len(self._head)))
        self._head[self._position : self._position + len(piece)] = piece

    def _write_tail(self, piece: memoryview) -> None:
        self._tail += piece
        while len(self._tail) >= self._part:
            self._send()

    def _send(self) -> None:
        data = bytes(memoryview(self._tail)[: self._part])
        del self._tail[: self._part]
        # Waiting for the oldest part limits the parts in memory, and raises its error.
        while self._sent and (len(self._sent) >= PARTS_AT_ONCE or self._sent[0].done()):
            self._sent.popleft().result()
        self._sent.append(self._pool.submit(self._parts.put, self._next_part, data))
        self._next_part += 1
