"""The measured times of a scene."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model import keys
from frameloom.model.frames import FrameRange
from frameloom.model.job import Job
from frameloom.model.messages import ChunkResult
from frameloom.model.timings import Timings
from frameloom.services.measured_times import POINTS, SAMPLE, estimate_seconds, load, measure, update
from frameloom.services.storage import job_documents
from frameloom.testing import MemoryStore
from tests.jobs import BUCKETS, make_job, put_result


def result(frames: str, worker: str, seconds: float, **frame_seconds: float) -> ChunkResult:
    return ChunkResult(
        chunk_id="1-000000",
        frames=frames,
        worker=worker,
        attempt=0,
        rendered=len(frame_seconds),
        seconds=seconds,
        frame_seconds={name[1:]: each for name, each in frame_seconds.items()},
    )


def test_the_start_is_the_overhead_of_a_workers_slowest_chunk() -> None:
    assert measure(
        [
            result("1", "one", 7.0, f1=2.0),
            result("2", "one", 2.1, f2=2.0),
            result("3", "two", 6.0, f3=2.0),
            # A worker with a slow network.
            result("4", "three", 300.0, f4=2.0),
        ]
    ) == Timings(start=5.0, frames={"1": 2.0, "2": 2.0, "3": 2.0, "4": 2.0})


def test_an_aborted_chunk_measures_frames_but_no_start() -> None:
    broken = result("1-3", "one", 3600.0, f1=2.0, f2=4.0)
    assert measure([broken]) == Timings(start=0.0, frames={"2": 3.0})


def test_results_without_rendered_frames_give_no_times() -> None:
    assert measure([result("1-3", "one", 5.0)]) is None
    store = MemoryStore()
    job = make_job(store)
    update(store, BUCKETS, job)
    assert load(store, BUCKETS, job) is None


def test_times_are_interpolated_between_measured_frames() -> None:
    # Ten points of one second, then ten of three. Far from the step, estimates equal the measured times.
    known = Timings(start=1.0, frames={str(frame): 1.0 if frame <= 0 else 3.0 for frame in range(-90, 110, 10)})
    frames = FrameRange.parse("-999,-90,-50,-40,-35,0,10,50,999")
    ninth = 2.0 / 9
    assert list(estimate_seconds(frames, known)) == pytest.approx(
        [1.0, 1.0, 1.0, 1.0, 1.0 + ninth / 2, 1.0 + 4 * ninth, 1.0 + 5 * ninth, 3.0, 3.0]
    )


def test_one_slow_frame_has_little_effect_on_its_neighbours() -> None:
    known = Timings(start=1.0, frames={str(frame): 10.0 if frame == 50 else 1.0 for frame in range(0, 101, 5)})
    assert max(estimate_seconds(FrameRange.parse("0-100"), known)) == pytest.approx(2.0)


@given(
    known=st.dictionaries(st.integers(-50, 50), st.floats(0, 1e5), min_size=1),
    frames=st.sets(st.integers(-60, 60), min_size=1),
)
def test_estimates_stay_within_the_measured_times(known: dict[int, float], frames: set[int]) -> None:
    timings = Timings(start=0.0, frames={str(frame): seconds for frame, seconds in known.items()})
    found = list(estimate_seconds(FrameRange.of(frames), timings))
    assert len(found) == len(frames)
    assert all(min(known.values()) - 1e-6 <= seconds <= max(known.values()) + 1e-6 for seconds in found)


def jobs_with_results(store: MemoryStore, chunks: int) -> Job:
    job = make_job(store, f"1-{chunks}")
    for index in range(chunks):
        seconds = {str(index + 1): float(index)}
        put_result(store, job, f"1-{index:06d}", str(index + 1), rendered=1, seconds=index, frame_seconds=seconds)
    return job


def test_only_a_sample_of_many_results_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    job = jobs_with_results(store, 3000)
    read: list[str] = []
    really = job_documents.read
    monkeypatch.setattr(job_documents, "read", lambda *where: read.append(where[-1]) or really(*where))  # type: ignore[func-returns-value]
    update(store, BUCKETS, job)
    found = load(store, BUCKETS, job)
    assert found is not None
    assert sum("/results/" in key for key in read) == len(found.frames) == SAMPLE
    assert {"1", "3000"} <= found.frames.keys()


def test_times_accumulate_over_jobs_up_to_a_limit() -> None:
    store = MemoryStore()
    for start in range(1, 600, 25):
        job = make_job(store, f"{start}-{start + 24}", job_id=f"from-{start}")
        for frame in job.frame_range():
            seconds = {str(frame): float(frame)}
            put_result(store, job, f"1-{frame:06d}", str(frame), rendered=1, seconds=frame, frame_seconds=seconds)
        update(store, BUCKETS, job)
    found = load(store, BUCKETS, job)
    assert found is not None
    assert len(found.frames) == POINTS
    assert list(found.frames) == sorted(found.frames, key=int)
    assert {"1", "600"} <= found.frames.keys()
    assert all(seconds == float(frame) for frame, seconds in found.frames.items())


def test_times_of_another_version_are_ignored() -> None:
    store = MemoryStore()
    job = make_job(store)
    job_documents.write(store, BUCKETS.logs, keys.timings_key(job.outputs.prefix), {"of": "another farm"})
    assert load(store, BUCKETS, job) is None
