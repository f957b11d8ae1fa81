"""PlanChunks: what is missing, in chunks, each frame once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model.frames import FrameRange
from frameloom.model.messages import ChunkSpec
from frameloom.services import documents
from frameloom.services.memory import MemoryStore
from frameloom.services.plan import LARGEST, SMALLEST, plan, suitable_size
from tests.jobs import BUCKETS, make_job, put_frames


def planned(
    store: MemoryStore, job_id: str = "shot-1", round_number: int = 1
) -> tuple[dict[str, Any], list[ChunkSpec]]:
    """Return the plan's answer and the chunks that it wrote, as the distributed Map reads them."""
    answer = plan(job_id, round_number, store=store, buckets=BUCKETS)
    chunks = [ChunkSpec.read(item) for item in documents.read(store, answer["bucket"], answer["key"])]
    assert answer["count"] == len(chunks)
    return answer, chunks


def frames_of(chunks: list[ChunkSpec]) -> list[int]:
    return [frame for chunk in chunks for frame in FrameRange.parse(chunk.frames)]


@given(
    wanted=st.sets(st.integers(-20, 60), min_size=1),
    there=st.sets(st.integers(-20, 60)),
    size=st.none() | st.integers(1, 20),
    workers=st.integers(1, 50),
)
def test_chunks_cover_every_missing_frame_once_and_in_order(
    wanted: set[int], there: set[int], size: int | None, workers: int
) -> None:
    store = MemoryStore()
    job = make_job(store, str(FrameRange.of(wanted)), chunk_size=size)
    job = job.model_copy(update={"limits": job.limits.model_copy(update={"max_workers": workers})})
    documents.write(store, BUCKETS.logs, "jobs/shot-1/job.json", job.to_json())
    put_frames(store, job, there)
    _, chunks = planned(store)
    assert frames_of(chunks) == sorted(wanted - there)
    assert len({chunk.chunk_id for chunk in chunks}) == len(chunks)
    if size is not None:
        assert all(len(FrameRange.parse(chunk.frames)) == size for chunk in chunks[:-1])


def test_a_job_that_runs_again_plans_nothing() -> None:
    store = MemoryStore()
    put_frames(store, make_job(store, "1-17"), range(1, 18))
    answer, chunks = planned(store)
    assert answer["count"] == 0
    assert chunks == []


def test_a_second_round_has_chunks_of_its_own_and_leaves_the_first_list_alone() -> None:
    store = MemoryStore()
    job = make_job(store, "1-9")
    first, chunks = planned(store)
    put_frames(store, job, [1, 2, 4, 5, 6, 7, 9])
    second, again = planned(store, round_number=2)
    assert frames_of(again) == [3, 8]
    assert first["key"] != second["key"]
    assert not {chunk.chunk_id for chunk in chunks} & {chunk.chunk_id for chunk in again}
    assert len(documents.read(store, first["bucket"], first["key"])) == len(chunks)


def test_planning_twice_gives_the_same_chunks() -> None:
    store = MemoryStore()
    make_job(store)
    assert planned(store) == planned(store)


def test_a_sequence_renders_nothing() -> None:
    store = MemoryStore()
    make_job(store, output="video")
    assert planned(store)[1] == []


def test_a_job_without_a_manifest_has_no_plan() -> None:
    store = MemoryStore()
    with pytest.raises(LookupError, match="shot-1"):
        plan("shot-1", 1, store=store, buckets=BUCKETS)
    assert list(store.list(BUCKETS.logs, "")) == []


@given(st.integers(0, 1_000_000), st.integers(1, 10_000))
def test_a_suitable_chunk_is_neither_tiny_nor_huge(frames: int, workers: int) -> None:
    size = suitable_size(frames, workers)
    assert SMALLEST <= size <= LARGEST
    # Where frames are plenty, no worker sits idle while another still has a chunk to begin.
    if frames >= workers * SMALLEST * 4:
        assert -(-frames // size) >= workers


@pytest.mark.parametrize(
    ("frames", "workers", "size"), [(17, 4, 3), (17, 1, 5), (100, 2, 13), (1_000_000, 100, 50), (1, 1, 3)]
)
def test_suitable_sizes(frames: int, workers: int, size: int) -> None:
    assert suitable_size(frames, workers) == size
