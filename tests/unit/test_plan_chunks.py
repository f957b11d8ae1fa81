"""PlanChunks: the missing frames in chunks, each frame once, and scouts for large jobs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model import keys
from frameloom.model.frames import FrameRange
from frameloom.model.job import Job
from frameloom.model.messages import ChunkSpec
from frameloom.model.rounds import FIRST, LAST, SCOUTS
from frameloom.model.timings import Timings
from frameloom.services.plan_chunks import plan
from frameloom.services.storage import job_documents
from frameloom.testing import MemoryStore
from tests.jobs import BUCKETS, make_job, put_frames


def planned(
    store: MemoryStore, job_id: str = "shot-1", round_number: int = FIRST
) -> tuple[dict[str, Any], list[ChunkSpec]]:
    """Return the output of `plan`, and the chunks that it wrote."""
    answer = plan(job_id, round_number, store=store, buckets=BUCKETS)
    chunks = [ChunkSpec.read(item) for item in job_documents.read(store, answer["bucket"], answer["key"])]
    assert answer["count"] == len(chunks)
    return answer, chunks


def frames_of(chunks: list[ChunkSpec]) -> list[int]:
    return [frame for chunk in chunks for frame in FrameRange.parse(chunk.frames)]


def sizes_of(chunks: list[ChunkSpec]) -> list[int]:
    return [len(FrameRange.parse(chunk.frames)) for chunk in chunks]


def with_workers(store: MemoryStore, frames: str, workers: int, **fields: Any) -> Job:
    """Write the manifest of a job with this many workers."""
    job = make_job(store, frames, **fields)
    job = job.model_copy(update={"limits": job.limits.model_copy(update={"max_workers": workers})})
    job_documents.write(store, BUCKETS.logs, "jobs/shot-1/job.json", job.to_json())
    return job


def put_timings(store: MemoryStore, job: Job, *, start: float, **frames: float) -> None:
    """Store the times of a job's scene: `f7=1.5` for frame 7."""
    known = Timings(start=start, frames={name[1:]: seconds for name, seconds in frames.items()})
    job_documents.write(store, BUCKETS.logs, keys.timings_key(job.outputs.prefix), known.to_json())


@given(
    frames=st.tuples(st.sets(st.integers(-20, 60), min_size=1), st.sets(st.integers(-20, 60))),
    size=st.none() | st.integers(1, 20),
    workers=st.integers(1, 50),
    seconds=st.none() | st.floats(0, 1e5),
    round_number=st.sampled_from([SCOUTS, FIRST, LAST]),
)
def test_chunks_cover_every_missing_frame_once_and_in_order(
    frames: tuple[set[int], set[int]], size: int | None, workers: int, seconds: float | None, round_number: int
) -> None:
    wanted, there = frames
    store = MemoryStore()
    job = with_workers(store, str(FrameRange.of(wanted)), workers, chunk_size=size)
    if seconds is not None:
        put_timings(store, job, start=2.0, f0=seconds, f30=1.0)
    put_frames(store, job, there)
    _, chunks = planned(store, round_number=round_number)
    assert frames_of(chunks) == sorted(wanted - there)
    assert len({chunk.chunk_id for chunk in chunks}) == len(chunks)
    if size is not None:
        assert all(held == size for held in sizes_of(chunks)[:-1])


def test_a_repeated_job_plans_no_chunks() -> None:
    store = MemoryStore()
    put_frames(store, make_job(store, "1-17"), range(1, 18))
    answer, chunks = planned(store)
    assert answer["count"] == 0
    assert chunks == []


def test_a_second_round_has_its_own_list_of_chunks() -> None:
    store = MemoryStore()
    job = make_job(store, "1-9")
    first, chunks = planned(store)
    put_frames(store, job, [1, 2, 4, 5, 6, 7, 9])
    second, again = planned(store, round_number=LAST)
    assert frames_of(again) == [3, 8]
    assert first["key"] != second["key"]
    assert not {chunk.chunk_id for chunk in chunks} & {chunk.chunk_id for chunk in again}
    assert len(job_documents.read(store, first["bucket"], first["key"])) == len(chunks)


def test_each_frame_that_failed_round_1_gets_its_own_chunk() -> None:
    store = MemoryStore()
    put_frames(store, make_job(store, "1-9"), [1, 2, 3])
    assert sizes_of(planned(store, round_number=LAST)[1]) == [1] * 6


def test_a_second_round_of_many_frames_has_chunks_of_several_frames() -> None:
    store = MemoryStore()
    make_job(store, "1-5000")
    assert len(planned(store, round_number=LAST)[1]) < 500


def test_planning_twice_gives_the_same_chunks() -> None:
    store = MemoryStore()
    make_job(store)
    assert planned(store) == planned(store)


def test_a_job_with_output_video_plans_no_chunks() -> None:
    store = MemoryStore()
    make_job(store, output="video")
    assert planned(store)[1] == []


def test_a_job_without_a_manifest_is_an_error() -> None:
    store = MemoryStore()
    with pytest.raises(LookupError, match="shot-1"):
        plan("shot-1", 1, store=store, buckets=BUCKETS)
    assert list(store.list(BUCKETS.logs, "")) == []


# ── Scouts ──


def test_a_large_job_without_known_times_starts_with_three_scouts() -> None:
    store = MemoryStore()
    with_workers(store, "1-3000", 100)
    answer, chunks = planned(store, round_number=SCOUTS)
    assert answer["round"] == SCOUTS
    assert [(chunk.chunk_id, chunk.frames) for chunk in chunks] == [
        ("0-000000", "1"), ("0-000001", "1501"), ("0-000002", "3000"),
    ]  # fmt: skip


def test_after_the_scouts_a_job_plans_the_rest_in_its_own_list() -> None:
    store = MemoryStore()
    job = with_workers(store, "1-200", 4)
    first, scouts = planned(store, round_number=SCOUTS)
    put_frames(store, job, frames_of(scouts))
    second, chunks = planned(store, round_number=FIRST)
    assert (first["round"], second["round"]) == (SCOUTS, FIRST)
    assert first["key"] != second["key"]
    assert sorted(frames_of(scouts) + frames_of(chunks)) == list(range(1, 201))


def test_scouts_without_a_result_are_not_planned_again() -> None:
    store = MemoryStore()
    with_workers(store, "1-200", 4)
    answer, chunks = planned(store, round_number=FIRST)
    assert (answer["round"], frames_of(chunks)) == (FIRST, list(range(1, 201)))


@pytest.mark.parametrize(
    "why", ["few frames", "few frames to a worker", "a size asked for", "a frame is there", "times are known", "a film"]
)
def test_a_job_that_needs_no_scouts_starts_with_round_1(why: str) -> None:
    store = MemoryStore()
    job = with_workers(
        store,
        "1-99" if why == "few frames" else "1-200",
        11 if why == "few frames to a worker" else 4,
        chunk_size=5 if why == "a size asked for" else None,
        output="video" if why == "a film" else "both",
    )
    if why == "a frame is there":
        put_frames(store, job, [150])
    if why == "times are known":
        put_timings(store, job, start=1.0, f1=2.0)
    assert planned(store, round_number=SCOUTS) == planned(store, round_number=FIRST)
    assert planned(store, round_number=SCOUTS)[0]["round"] == FIRST


def test_known_times_determine_the_sizes_of_chunks() -> None:
    store = MemoryStore()
    job = with_workers(store, "1-100", 4)
    put_frames(store, job, [1])
    blindly = sizes_of(planned(store)[1])
    put_timings(store, job, start=1.0, f1=0.1)
    quick = sizes_of(planned(store)[1])
    put_timings(store, job, start=1.0, f1=3600.0)
    slow = sizes_of(planned(store)[1])
    # Ten seconds of work justify one start; a frame of an hour is a chunk.
    assert len(quick) < len(blindly) < len(slow)
    assert set(slow) == {1}
