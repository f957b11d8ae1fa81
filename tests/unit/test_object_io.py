"""Objects as files: read in ranges, written in parts."""

import io
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from frameloom.services.storage.object_io import MOST_PARTS, PART_BYTES, ObjectReader, ObjectWriter, part_bytes
from frameloom.services.storage.ports import StoredObject
from frameloom.testing import MemoryParts, MemoryStore

DATA = random.Random(1).randbytes(1000)


class Counted(MemoryStore):
    """A store that records the start of each read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[int] = []

    def read(self, bucket: str, key: str, *, start: int, length: int, etag: str) -> bytes:
        self.reads.append(start)
        return super().read(bucket, key, start=start, length=length, etag=etag)


def opened(store: MemoryStore, pool: ThreadPoolExecutor, data: bytes = DATA, block: int = 64) -> ObjectReader:
    store.put("bucket", "key", data)
    stored = store.head("bucket", "key")
    assert isinstance(stored, StoredObject)
    return ObjectReader(store, "bucket", stored, pool, block=block)


@pytest.fixture(name="pool")
def made_pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2)


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 128, 1000])
def test_an_object_reads_like_a_file(pool: ThreadPoolExecutor, length: int) -> None:
    reader, file, dice = opened(MemoryStore(), pool, DATA[:length]), io.BytesIO(DATA[:length]), random.Random(length)
    for _ in range(50):
        at = dice.randrange(length + 10)
        assert (reader.seek(at), reader.tell()) == (at, at)
        piece = reader.read(dice.randrange(1, 200))
        file.seek(at)
        # At most to the end of a block, and empty only at the end.
        assert file.read(len(piece)) == piece
        assert bool(piece) == (at < length)
    assert (reader.seek(0), reader.readall()) == (0, DATA[:length])
    assert reader.seek(0, io.SEEK_END) == length


def test_each_block_is_fetched_once_when_both_ends_are_read_before_the_rest(pool: ThreadPoolExecutor) -> None:
    store = Counted()
    reader = opened(store, pool)
    reader.read(10)
    reader.seek(990)
    reader.read(10)
    reader.seek(10)
    assert reader.readall() == DATA[10:]
    # The last block again: it was dropped last.
    assert sorted(store.reads) == sorted([*range(0, 1000, 64), 960])


def test_all_bytes_are_of_one_version(pool: ThreadPoolExecutor) -> None:
    store = MemoryStore()
    reader = opened(store, pool)
    assert reader.read(5) == DATA[:5]
    store.put("bucket", "key", bytes(1000))
    reader.seek(500)
    with pytest.raises(LookupError, match=r"has no .* with entity tag"):
        reader.read(5)


def test_parts_are_sent_in_order_and_the_first_part_last() -> None:
    parts = Kept()
    with ObjectWriter(parts, head=100, part=64) as writer:
        writer.write(DATA[:8])
        assert writer.seek(50) == 50
        for at in range(50, 900, 170):
            assert writer.write(DATA[at : min(at + 170, 900)]) == min(170, 900 - at)
        writer.seek(8)
        writer.write(DATA[8:50])
        writer.seek(writer.size)
        assert 1 not in parts.held
        writer.write(DATA[900:])
    assert b"".join(data for _, data in sorted(parts.held.items())) == DATA
    assert writer.size == 1000
    assert parts.order[-1] == 1
    assert {len(data) for number, data in parts.held.items() if 1 < number < 16} == {64}
    assert len(parts.held[1]) == 100


class Kept(MemoryParts):
    """Parts that record their order; the part `refused` raises."""

    def __init__(self, refused: int | None = None) -> None:
        super().__init__()
        self.order: list[int] = []
        self.refused = refused

    def put(self, number: int, data: bytes) -> None:
        if number == self.refused:
            raise PermissionError("no such bucket")
        self.order.append(number)
        super().put(number, data)


def test_a_short_object_is_one_part() -> None:
    parts = MemoryParts()
    with ObjectWriter(parts, head=100, part=64) as writer:
        writer.write(DATA[:30])
    assert parts.held == {1: DATA[:30]}
    assert writer.size == 30


@pytest.mark.parametrize("written", [300, 0])
def test_bytes_after_the_head_are_written_once_and_in_order(written: int) -> None:
    writer = ObjectWriter(MemoryParts(), head=100, part=64)
    writer.write(DATA[:written])
    writer.seek(200)
    with pytest.raises(ValueError, match="once, in order"):
        writer.write(b"x")


@pytest.mark.parametrize("refused", [1, 2, 5, 16])
def test_a_refused_part_is_raised(refused: int) -> None:
    parts = Kept(refused)
    with pytest.raises(PermissionError), ObjectWriter(parts, head=100, part=64) as writer:
        writer.write(DATA)
    assert refused not in parts.held


def test_after_an_error_the_first_part_is_never_sent() -> None:
    parts = Kept()
    with suppress(KeyError), ObjectWriter(parts, head=100, part=64) as writer:
        writer.write(DATA)
        raise KeyError
    assert 1 not in parts.held


def test_the_largest_object_fits_in_the_parts_of_s3() -> None:
    for gib in (0, 1, 75, 100, 5 * 1024):
        total = gib * 1024**3
        assert -(-total // part_bytes(total)) + 1 <= MOST_PARTS
    assert part_bytes(75 * 1024**3) == PART_BYTES
    # The largest object of S3, in parts that fit in memory several times.
    assert part_bytes(5 * 1024**4) < 600 * 1024**2
