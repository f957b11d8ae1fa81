"""The pauses of a follower, by a clock that the test moves."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from frameloom.model import keys
from frameloom.services.storage.ports import StoredObject
from frameloom.testing import MemoryStore
from tests.jobs import BUCKETS, make_job, put_frames
from tests.unit.follow_script import JOB, Farm, end, farm_with, nothing, nothing_at_all, put, put_log


class RecordingStore(MemoryStore):
    """Keeps where each listing of frames began, and takes `cost` seconds of a farm's clock for each."""

    def __init__(self) -> None:
        super().__init__()
        self.listed_after: list[str] = []
        self.cost: Callable[[], None] = lambda: None
        self.logs_listed = 0
        self.log_cost: Callable[[], None] = lambda: None

    def list(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        if bucket == BUCKETS.frames:
            self.listed_after.append(after)
            self.cost()
        elif prefix == keys.logs_prefix(JOB):
            self.logs_listed += 1
            self.log_cost()
        return super().list(bucket, prefix, after=after)


def test_known_frames_are_not_listed_again() -> None:
    store = RecordingStore()
    farm = Farm(store=store)
    job = make_job(store)
    put_frames(store, job, [1, 2, 3, 5])
    farm.executions.start(JOB, {})
    farm._script = iter([farm.end])
    list(farm.follow())
    assert store.listed_after == ["", job.frame_key(3)]


def test_polling_takes_at_most_a_tenth_of_the_time() -> None:
    store = RecordingStore()
    farm = Farm(store=store)
    make_job(store)
    farm.executions.start(JOB, {})
    farm._script = iter([*[lambda: None] * 40, farm.end])

    def cost() -> None:
        farm.now += 1.0

    store.cost = cost
    list(farm.follow())
    looking, resting = len(store.listed_after), sum(farm.pauses)
    assert looking / (looking + resting) <= 0.1


def test_a_slow_first_poll_does_not_delay_the_second() -> None:
    store = RecordingStore()
    farm = Farm(store=store)
    make_job(store)
    farm.executions.start(JOB, {})
    farm._script = iter([farm.end])

    def connect() -> None:
        farm.now += 5.0
        store.cost = lambda: None

    store.cost = connect
    list(farm.follow())
    assert farm.pauses == [0.2]


def test_the_pauses_grow_from_a_fifth_of_a_second_to_two_seconds() -> None:
    farm = farm_with(*[nothing] * 400, end)
    list(farm.follow())
    assert farm.pauses[0] == 0.2
    assert farm.pauses == sorted(farm.pauses)
    assert farm.pauses[-1] == 2.0


def test_a_job_with_all_frames_is_polled_often() -> None:
    farm = farm_with(nothing, put(*range(1, 18)), nothing, nothing, end)
    list(farm.follow())
    assert farm.pauses == [0.2, 0.2, 0.05, 0.05, 0.05]


def test_slow_frames_are_polled_seldom_and_the_last_one_often() -> None:
    slow = [step for frame in (1, 2, 3) for step in [*[nothing] * 5, put(frame)]]
    farm = farm_with(*slow, *[nothing] * 5, end, frames="1-4")
    rates = [snapshot.rate for snapshot in farm.follow()]
    # The time per frame is unknown until the first frame.
    assert set(farm.pauses[:6]) == {0.2}
    assert farm.pauses[6] == pytest.approx(0.5 / (rates[6] or 0))
    assert farm.pauses[6] > 0.5
    # Three of four frames exist: the job may end next.
    assert max(farm.pauses[18:]) < 0.25


def test_expensive_logs_are_read_seldom_and_at_the_end() -> None:
    store = RecordingStore()
    farm = Farm(store=store)
    make_job(store)
    farm.executions.start(JOB, {})
    for part in ("01", "02", "03"):
        put_log(store, "worker-1", part, part)

    def cost() -> None:
        farm.now += 1.0

    store.log_cost = cost
    farm._script = iter([*[nothing_at_all] * 100, partial(put_log, store, "worker-1", "04", "the last"), farm.end])
    *_, last = farm.follow()
    # The first three reads have no cost yet, and the last one follows the end.
    assert store.logs_listed - 4 <= 0.02 * (sum(farm.pauses) + store.logs_listed)
    assert [record.message for record in last.workers] == ["the last"]
