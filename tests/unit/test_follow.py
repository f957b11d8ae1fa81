"""Following a job: what its snapshots say, and how much of the time looking takes."""

import itertools
import json
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from frameloom.model import keys
from frameloom.model.errors import FarmUnavailable
from frameloom.model.job import Job
from frameloom.model.job_status import JobStatus
from frameloom.model.messages import LogRecord
from frameloom.services.follow_job import Snapshot, follow
from frameloom.services.plan_chunks import plan
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import StoredObject
from frameloom.testing import MemoryExecutions, MemoryStore
from tests.jobs import BUCKETS, make_job, put_frames

JOB = "shot-1"


class Farm:
    """A store, executions and a clock that only pauses move on; `script` happens during the pauses, one each."""

    def __init__(self, *script: Callable[[], object], store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.executions = MemoryExecutions()
        self.now = 100.0
        self.pauses: list[float] = []
        self._script = iter(script)

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        next(self._script, lambda: None)()

    def follow(self) -> Iterator[Snapshot]:
        return follow(
            JOB,
            store=self.store,
            executions=self.executions,
            buckets=BUCKETS,
            clock=lambda: self.now,
            pause=self.pause,
        )

    def end(self, status: JobStatus = JobStatus.SUCCEEDED) -> None:
        self.executions.end(JOB, status)


Step = Callable[[Farm, Job], object]


def nothing(_farm: Farm, _job: Job) -> None:
    """Let time go by."""


def end(farm: Farm, _job: Job) -> None:
    farm.end()


def put(*frames: int) -> Step:
    return lambda farm, job: put_frames(farm.store, job, frames)


def farm_with(*script: Step, frames: str = "1-17", present: tuple[int, ...] = ()) -> Farm:
    """Return a farm whose job is planned, with a script of what happens to it from pause to pause."""
    farm = Farm()
    job = make_job(farm.store, frames)
    farm._script = iter([partial(step, farm, job) for step in script])
    put_frames(farm.store, job, present)
    plan(JOB, 1, store=farm.store, buckets=BUCKETS)
    farm.executions.start(JOB, {})
    return farm


def test_all_snapshots_together_name_each_frame_once() -> None:
    farm = farm_with(
        put(3, 1),
        put(1, 2),
        end,
    )
    fresh = [snapshot.fresh for snapshot in farm.follow()]
    assert fresh == [(), (1, 3), (2,), ()]


def test_the_last_snapshot_holds_the_end_and_the_frames_that_came_with_it() -> None:
    def finish(farm: Farm, job: Job) -> None:
        put_frames(farm.store, job, range(1, 18))
        farm.end()

    *_, last = farm_with(finish).follow()
    assert last.execution.status is JobStatus.SUCCEEDED
    assert (last.done, last.total, last.fresh) == (17, 17, tuple(range(1, 18)))


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELED])
def test_a_job_that_fails_or_is_canceled_is_followed_to_that_end(status: JobStatus) -> None:
    *_, last = farm_with(lambda farm, _: farm.end(status)).follow()
    assert last.execution.status is status


def test_frames_that_the_plan_left_out_are_reused() -> None:
    farm = farm_with(put(7), end, present=(1, 2, 3))
    first, second, _ = farm.follow()
    assert (first.reused, first.done, first.fresh) == (3, 3, (1, 2, 3))
    assert (second.reused, second.done) == (3, 4)


@pytest.mark.parametrize("from_the_start", [True, False])
def test_scouts_are_rendered_frames_and_not_reused_ones(*, from_the_start: bool) -> None:
    farm = Farm()
    job = make_job(farm.store, "1-3000")
    farm.executions.start(JOB, {})
    made = plan(JOB, 0, store=farm.store, buckets=BUCKETS)
    assert (made["round"], made["count"]) == (0, 3)
    steps: Iterator[Callable[[], object]] = iter(
        [
            lambda: put_frames(farm.store, job, [1, 1501, 3000]),
            lambda: plan(JOB, 1, store=farm.store, buckets=BUCKETS),
            farm.end,
        ]
    )
    if not from_the_start:
        next(steps)()
        next(steps)()
    farm._script = steps
    snapshots = list(farm.follow())
    assert {snapshot.reused for snapshot in snapshots} == {0}
    assert snapshots[-1].done == 3


def test_nothing_is_known_of_frames_before_the_job_is_prepared() -> None:
    farm = Farm()
    farm.executions.start(JOB, {})
    farm._script = iter([lambda: make_job(farm.store), farm.end])
    before, unplanned, _ = farm.follow()
    assert (before.job, before.total, before.reused) == (None, None, None)
    assert (unplanned.total, unplanned.reused, unplanned.rate) == (17, None, None)


def test_a_sequence_reuses_all_it_has() -> None:
    farm = Farm()
    put_frames(farm.store, make_job(farm.store, output="video"), range(1, 18))
    farm.executions.start(JOB, {})
    farm.end()
    (only,) = farm.follow()
    assert (only.done, only.reused) == (17, 17)


def test_the_rate_leaves_out_what_was_there_before() -> None:
    farm = farm_with(put(11, 12), end, present=tuple(range(1, 11)))
    first, second, _ = farm.follow()
    assert first.rate is None
    assert second.rate == pytest.approx(2 / farm.pauses[0])
    assert second.left == pytest.approx(5 / (2 / farm.pauses[0]))


def test_the_rate_is_that_of_the_last_minute() -> None:
    slow_start = [nothing] * 400
    fast = [put(frame) for frame in range(1, 101)]
    farm = farm_with(*slow_start, *fast, end, frames="1-100")
    rates = [snapshot.rate for snapshot in farm.follow()]
    assert sum(farm.pauses) > 500
    # A frame came with each of the last pauses; as many as fit into a minute.
    spans = list(itertools.accumulate(reversed(farm.pauses[:-1])))
    lately = sum(span <= 60 for span in spans)
    assert 10 < lately < 100
    assert rates[-1] == pytest.approx(lately / 60, rel=0.1)


def test_the_rate_of_slow_frames_is_that_of_the_last_ten() -> None:
    frames = [step for frame in range(1, 16) for step in [*[nothing] * 100, put(frame)]]
    farm = farm_with(*frames, end)
    *_, last = farm.follow()
    assert last.rate == pytest.approx(1 / (101 * 2.0), rel=0.1)


def test_an_empty_object_and_another_jobs_frame_are_no_frames_of_the_job() -> None:
    def litter(farm: Farm, job: Job) -> None:
        put_frames(farm.store, job, [1], data=b"")
        put_frames(farm.store, job, [18])
        farm.store.put(BUCKETS.frames, f"{job.outputs.prefix}2.jpg", b"image")
        farm.store.put(BUCKETS.frames, f"{job.outputs.prefix}else/000002.png", b"image")

    *_, last = farm_with(litter, end).follow()
    assert last.done == 0


def test_negative_frames_are_all_found_though_their_keys_do_not_sort_as_numbers() -> None:
    farm = farm_with(put(3), put(-5), put(0), put(-1), end, frames="-5--1:4,0,3")
    snapshots = list(farm.follow())
    assert [snapshot.fresh for snapshot in snapshots[1:5]] == [(3,), (-5,), (0,), (-1,)]


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


def test_frames_that_are_all_there_are_not_listed_again() -> None:
    store = RecordingStore()
    farm = Farm(store=store)
    job = make_job(store)
    put_frames(store, job, [1, 2, 3, 5])
    farm.executions.start(JOB, {})
    farm._script = iter([farm.end])
    list(farm.follow())
    assert store.listed_after == ["", job.frame_key(3)]


def test_looking_takes_at_most_a_tenth_of_the_time() -> None:
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


def test_the_first_look_may_be_slow_without_delaying_the_second() -> None:
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


def test_the_end_of_a_job_whose_frames_are_all_there_is_seen_soon() -> None:
    farm = farm_with(nothing, put(*range(1, 18)), nothing, nothing, end)
    list(farm.follow())
    assert farm.pauses == [0.2, 0.2, 0.05, 0.05, 0.05]


def test_what_takes_long_is_looked_at_seldom_and_its_last_frame_often() -> None:
    slow = [step for frame in (1, 2, 3) for step in [*[nothing] * 5, put(frame)]]
    farm = farm_with(*slow, *[nothing] * 5, end, frames="1-4")
    rates = [snapshot.rate for snapshot in farm.follow()]
    # Until the first frame nobody knows how long one takes.
    assert set(farm.pauses[:6]) == {0.2}
    assert farm.pauses[6] == pytest.approx(0.5 / (rates[6] or 0))
    assert farm.pauses[6] > 0.5
    # Three of four are there: what comes next may be the end.
    assert max(farm.pauses[18:]) < 0.25


def put_log(store: MemoryStore, worker: str, part: str, *messages: str) -> None:
    lines = [
        LogRecord(time=f"2026-11-23T06:00:{part}", level="info", message=message, worker=worker, frame=1)
        for message in messages
    ]
    text = "".join(line.model_dump_json(exclude_none=True) + "\n" for line in lines)
    store.put(BUCKETS.logs, keys.log_part_key(JOB, worker, part), text.encode())


def test_each_worker_is_shown_by_its_latest_record() -> None:
    farm = farm_with(
        lambda farm, _: put_log(farm.store, "worker-1", "02", "Frame rendering", "Frame rendered"),
        end,
    )
    put_log(farm.store, "worker-2", "01", "Chunk received")
    put_log(farm.store, "worker-1", "01", "Chunk received")
    first, *_, last = farm.follow()
    assert [(record.worker, record.message) for record in first.workers] == [
        ("worker-1", "Chunk received"),
        ("worker-2", "Chunk received"),
    ]
    assert [record.message for record in last.workers] == ["Frame rendered", "Chunk received"]


def test_what_blender_says_is_not_what_its_worker_does() -> None:
    store = MemoryStore()
    lines = [
        json.dumps({"time": "2026-11-23T06:00:01", "level": level, "message": message, "worker": "w"})
        for level, message in (("info", "Frame rendering"), ("debug", "Fra:1 Sample 1/16"))
    ]
    farm = Farm(lambda: None, store=store)
    make_job(store)
    farm.executions.start(JOB, {})
    farm.end()
    store.put(BUCKETS.logs, keys.log_part_key(JOB, "w", "01"), "\n".join(lines).encode())
    *_, last = farm.follow()
    assert [record.message for record in last.workers] == ["Frame rendering"]


def test_logs_that_are_dear_to_read_are_read_seldom_and_at_the_end() -> None:
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
    # The first two are free, which the third still goes by, and the last one is due.
    assert store.logs_listed - 4 <= 0.02 * (sum(farm.pauses) + store.logs_listed)
    assert [record.message for record in last.workers] == ["the last"]


def nothing_at_all() -> None:
    """Let time go by."""


def test_a_job_that_the_farm_does_not_know_of_yet_is_waited_for() -> None:
    farm = Farm()
    farm._script = iter([lambda: farm.executions.start(JOB, {}), farm.end])
    assert [snapshot.execution.status for snapshot in farm.follow()] == [JobStatus.RUNNING, JobStatus.SUCCEEDED]


def test_a_job_that_the_farm_never_knows_of_is_given_up() -> None:
    farm = Farm()
    with pytest.raises(FarmUnavailable, match="knows of no job 'shot-1'"):
        list(farm.follow())
    assert 30 < sum(farm.pauses) < 40


def test_a_job_without_a_manifest_is_followed_to_its_end() -> None:
    farm = Farm()
    farm.executions.start(JOB, {})
    farm.end(JobStatus.FAILED)
    (only,) = farm.follow()
    assert only.execution.status is JobStatus.FAILED
    assert job_documents.find_job(farm.store, BUCKETS, JOB) is None
