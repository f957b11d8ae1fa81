"""Objects in a bucket as files: one read in ranges, another written in parts. Neither lies in memory or on a disk.

Both are as large as S3 allows; what they hold of it does not grow with its size, but for parts beyond 77 GiB.
"""

import io
from collections import OrderedDict, deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from frameloom.services.storage.ports import Parts, StoredObject, StreamStore

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

# Long enough that a request's latency hardly counts.
BLOCK_BYTES = 4 * 1024 * 1024
# Blocks that are fetched while one is read, and those that are kept: a file is opened at its beginning and its end.
BLOCKS_AHEAD, BLOCKS_KEPT = 3, 6
# S3 takes 10,000 parts, each but the last of 5 MiB or more.
PART_BYTES, MOST_PARTS = 8 * 1024 * 1024, 10_000
# Parts that are sent at once.
PARTS_AT_ONCE = 4


def part_bytes(total: int) -> int:
    """Return the length of parts in which `total` bytes are as many as S3 takes, with some to spare."""
    return max(PART_BYTES, -(-total // (MOST_PARTS - 100)))


class ObjectReader(io.RawIOBase):
    """An object that can be read anywhere, in blocks that are fetched ahead; both its ends are at once.

    All of it is of one version: `stored` says which. Reading raises LookupError where that is gone.
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
        """Return that it is."""
        return True

    def seekable(self) -> bool:
        """Return that it is."""
        return True

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Have the next byte read elsewhere."""
        self._position = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._stored.size}[whence] + offset
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read bytes into all of `buffer`, or as far as a block goes; return how many, 0 at the end."""
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
        """Return a block that is there or on its way, and forget those not asked for in the longest time."""
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
    """An object that is written forward, but for its first `head` bytes, which may be written again until the end.

    They are part 1, and sent last. Whoever leaves it without an error has handed over every part; after one, none is
    on its way any more.
    """

    def __init__(self, parts: Parts, *, head: int, part: int = PART_BYTES) -> None:
        self._parts, self._part, self._most = parts, part, head
        self._head = bytearray()
        # What follows the head and is not yet sent.
        self._tail = bytearray()
        self._position = 0
        # How many bytes there are so far.
        self.size = 0
        self._next_part = 2
        self._pool = ThreadPoolExecutor(PARTS_AT_ONCE, thread_name_prefix="part")
        self._sent: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Send what is left; after an error, nothing more."""
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
        """Return that it is."""
        return True

    def seekable(self) -> bool:
        """Return that it is."""
        return True

    def tell(self) -> int:
        """Return where the next byte is written."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Have the next byte written elsewhere; what is skipped at the beginning is zero."""
        self._position = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence] + offset
        return self._position

    def write(self, data: "ReadableBuffer") -> int:
        """Write all of `data`.

        Raises:
            ValueError: it lies neither in the head nor at the end.
        """
        piece = memoryview(data).cast("B")
        written = len(piece)
        ends_behind, skips = self._position + written > self._most, self._position > max(self.size, self._most - 1)
        if ends_behind and (skips or self._position < self.size):
            raise ValueError("what follows the head is written once, in order")
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
        # One that failed says so here; waiting for the oldest bounds what is held.
        while self._sent and (len(self._sent) >= PARTS_AT_ONCE or self._sent[0].done()):
            self._sent.popleft().result()
        self._sent.append(self._pool.submit(self._parts.put, self._next_part, data))
        self._next_part += 1
