"""The sizes of chunks: large enough for their overhead, and small at the end."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model.frames import FrameRange
from frameloom.model.timings import Timings
from frameloom.services.chunk_sizing import (
    MAX_FRAMES,
    MAX_FRAMES_UNTIMED,
    MAX_SECONDS,
    TURNAROUND,
    Sizing,
    sized_chunks,
)
from frameloom.services.measured_times import estimate_seconds

TIMEOUT = 8 * 3600.0


def chunks(
    frames: int, workers: int, seconds: float | None = None, *, start: float = 1.0, timeout: float = TIMEOUT
) -> list[int]:
    """Return the sizes of chunks if each frame takes `seconds`."""
    known = None if seconds is None else Timings(start=start, frames={"1": seconds})
    return [len(chunk) for chunk in sized_chunks(FrameRange.of(range(frames)), workers, known, timeout=timeout)]


@pytest.mark.parametrize(
    ("frames", "workers", "sizes"),
    [
        (1, 100, [1]),
        (17, 100, [3, 3, 3, 3, 3, 2]),
        (100, 2, [17, 17, 11, 11, 7, 7, 5, 5, 3, 3, 3, 3, 3, 3, 2]),
        (100, 1, [33, 22, 15, 10, 7, 4, 3, 3, 3]),
    ],
)
def test_sizes_without_known_times(frames: int, workers: int, sizes: list[int]) -> None:
    assert chunks(frames, workers) == sizes


@given(frames=st.integers(1, 3000), workers=st.integers(1, 200), seconds=st.none() | st.floats(0.01, 1e4))
def test_sizes_never_increase(frames: int, workers: int, seconds: float | None) -> None:
    # Sizes are rounded to the nearest frame.
    assert all(later <= earlier + 1 for earlier, later in pairwise(chunks(frames, workers, seconds)))


@given(work=st.floats(0, 1e8), workers=st.integers(1, 10_000), start=st.floats(0, 600))
def test_blenders_start_takes_less_than_a_twentieth_of_each_workers_work(
    work: float, workers: int, start: float
) -> None:
    known = Timings(start=start, frames={"1": 1.0})
    useful = Sizing.timed(workers, known, timeout=TIMEOUT).useful_workers(work)
    assert 1 <= useful <= workers
    assert useful * start <= work / 20 * (1 + 1e-9) or useful == 1
    # There are no fewer workers than this limit allows.
    assert useful == workers or (useful + 1) * start >= work / 20 * (1 - 1e-9)


@given(frames=st.integers(1000, 20_000), workers=st.integers(1, 50), seconds=st.floats(0.5, 20))
def test_with_the_work_of_sixty_starts_each_first_chunk_justifies_a_start(
    frames: int, workers: int, seconds: float
) -> None:
    start = frames * seconds / workers / 60
    sizes = chunks(frames, workers, seconds, start=start, timeout=1e9)
    least = min(20 * start, MAX_FRAMES * seconds)
    # Sizes are rounded to the nearest frame.
    assert all((size + 0.5) * seconds >= least * (1 - 1e-9) for size in sizes[:workers])


def test_a_scene_with_a_long_start_gets_chunks_for_fewer_workers() -> None:
    # A thousand seconds of work justify ten starts of five seconds. The first chunks are a third of a share.
    assert chunks(1000, 100, 1.0, start=5.0)[:21] == [33] * 10 + [22] * 10 + [15]
    assert chunks(1000, 4, 1.0, start=5.0)[:5] == [83] * 4 + [56]


@given(frames=st.integers(1000, 50_000), workers=st.integers(1, 100), seconds=st.floats(0.1, 1000))
def test_a_turnaround_takes_about_a_twentieth_of_the_smallest_chunk(frames: int, workers: int, seconds: float) -> None:
    sizes = chunks(frames, workers, seconds)
    assert all((size + 0.5) * seconds * 0.05 >= TURNAROUND for size in sizes[:-1])


@given(frames=st.integers(1000, 50_000), workers=st.integers(1, 100), seconds=st.floats(0.1, 1000))
def test_the_last_chunks_leave_no_worker_idle_for_long(frames: int, workers: int, seconds: float) -> None:
    """The last chunk takes no longer than the smallest chunk, one frame, or a twentieth of a worker's share."""
    sizes = chunks(frames, workers, seconds)
    share = frames * seconds / workers
    assert sizes[-1] * seconds <= max(1.5 * 20 * TURNAROUND, seconds, share / 20) + 1e-6


def test_chunks_stay_within_their_limits_of_time_and_frames() -> None:
    assert all(size * 10 <= MAX_SECONDS for size in chunks(100_000, 1, 10.0))
    assert all(size * 10 <= 30 for size in chunks(1000, 1, 10.0, timeout=120))
    assert max(chunks(100_000, 1, 0.01)) == MAX_FRAMES
    assert max(chunks(100_000, 1)) == MAX_FRAMES_UNTIMED


def test_a_scene_with_a_long_start_may_have_longer_chunks() -> None:
    assert max(chunks(100_000, 1, 10.0, start=300.0)) * 10.0 == 6000.0


def test_slow_frames_get_smaller_chunks_than_fast_frames() -> None:
    known = Timings(start=1.0, frames={str(frame): 1.0 if frame < 500 else 10.0 for frame in range(0, 1000, 10)})
    found = list(sized_chunks(FrameRange.of(range(1000)), 4, known, timeout=TIMEOUT))
    seconds = [sum(estimate_seconds(chunk, known)) for chunk in found]
    # A third of 5,500 seconds, for four workers.
    assert seconds[:4] == pytest.approx([5500 / 12] * 4, abs=20)
    assert len(found[0]) > 5 * len(found[3])
