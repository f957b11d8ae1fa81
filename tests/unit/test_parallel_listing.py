"""Parallel listings find the same frames as a single listing, in as few calls as possible."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model.frames import FIRST_FRAME, LAST_FRAME, FrameRange
from frameloom.services.storage import job_documents, parallel_listing
from frameloom.services.storage.ports import StoredObject
from frameloom.testing import MemoryStore
from tests.jobs import make_job, put_frames

# Numbers at which frames get another digit, or a sign.
TURNS = (FIRST_FRAME, -1_000_000, -100_000, -10_000, -1, 0, 9, 99_999, 100_000, 999_999, 1_000_000, LAST_FRAME)
around_turns = st.builds(
    lambda turn, by: min(max(turn + by, FIRST_FRAME), LAST_FRAME), st.sampled_from(TURNS), st.integers(-30, 30)
)


class CountingStore(MemoryStore):
    """Lists a page per call, like S3, and records the start and the number of keys of each page."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: list[tuple[str, int]] = []

    def list(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        """Yield the objects below `prefix`."""
        found = list(super().list(bucket, prefix, after=after))
        for first in range(0, max(1, len(found)), parallel_listing.PAGE):
            page = found[first : first + parallel_listing.PAGE]
            self.pages.append((found[first - 1].key if first else after, len(page)))
            yield from page


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of ten keys, and an edge at every seventh frame."""
    monkeypatch.setattr(parallel_listing, "PAGE", 10)
    monkeypatch.setattr(job_documents, "RANGE", 7)


@given(frames=st.sets(around_turns, min_size=1), others=st.sets(around_turns), there=st.data())
def test_a_parallel_listing_finds_the_same_frames_as_one_listing(
    frames: set[int], others: set[int], there: st.DataObject
) -> None:
    store = MemoryStore()
    job = make_job(store, str(FrameRange.of(frames)))
    rendered = there.draw(st.sets(st.sampled_from(sorted(frames))))
    # Other jobs with the same render key have frames here too.
    put_frames(store, job, sorted(rendered | (others - frames)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel_listing, "PAGE", 5)
        patch.setattr(job_documents, "RANGE", 3)
        assert job_documents.present_frames(store, job) == sorted(rendered)


def test_a_single_page_takes_one_call() -> None:
    store = CountingStore()
    job = make_job(store, "1-999")
    put_frames(store, job, range(1, 1000))
    assert len(job_documents.present_frames(store, job)) == 999
    assert [size for _, size in store.pages] == [999]


@pytest.mark.usefixtures("small")
def test_a_range_is_listed_only_up_to_its_last_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_documents, "RANGE", 10)
    store = CountingStore()
    job = make_job(store, "1-85")
    put_frames(store, job, range(1, 86))
    assert len(job_documents.present_frames(store, job)) == 85
    # One call each up to 10, 11, 21 and so on to 81 and 85.
    assert len({after for after, _ in store.pages}) == len(store.pages) == 1 + 1 + 7 + 1


@pytest.mark.usefixtures("small")
def test_keys_outside_the_edges_are_not_listed() -> None:
    store = CountingStore()
    job = make_job(store, "500-505")
    put_frames(store, job, range(1, 1000))
    assert job_documents.present_frames(store, job) == list(range(500, 506))
    assert len(store.pages) == 1


@pytest.mark.usefixtures("small")
def test_ranges_are_listed_in_parallel() -> None:
    beside = threading.Barrier(4)

    class Waiting(MemoryStore):
        def list(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
            if after >= job.frame_key(10):
                # Until three other calls are running.
                beside.wait(timeout=60)
            return super().list(bucket, prefix, after=after)

    store = Waiting()
    job = make_job(store, "1-35")
    put_frames(store, job, range(1, 36))
    assert job_documents.present_frames(store, job) == list(range(1, 36))


@pytest.mark.usefixtures("small")
def test_a_failed_call_fails_the_listing() -> None:
    class Failing(MemoryStore):
        def list(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
            if after >= job.frame_key(300):
                raise ConnectionError("S3 is away")
            return super().list(bucket, prefix, after=after)

    store = Failing()
    job = make_job(store, "1-1000")
    put_frames(store, job, range(1, 1001))
    with pytest.raises(ConnectionError):
        job_documents.present_frames(store, job)
