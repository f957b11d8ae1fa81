"""Following a job: its snapshots, from the first to the last."""

import itertools
import json
from collections.abc import Callable, Iterator

import pytest

from frameloom.model import keys
from frameloom.model.errors import FarmUnavailable
from frameloom.model.job import Job
from frameloom.model.job_status import JobStatus
from frameloom.services.plan_chunks import plan
from frameloom.services.storage import job_documents
from frameloom.testing import MemoryStore
from tests.jobs import BUCKETS, make_job, put_frames
from tests.unit.follow_script import JOB, Farm, end, farm_with, nothing, put, put_log


def test_all_snapshots_together_name_each_frame_once() -> None:
    farm = farm_with(
        put(3, 1),
        put(1, 2),
        end,
    )
    fresh = [snapshot.fresh for snapshot in farm.follow()]
    assert fresh == [(), (1, 3), (2,), ()]


def test_the_last_snapshot_has_the_status_and_the_last_frames() -> None:
    def finish(farm: Farm, job: Job) -> None:
        put_frames(farm.store, job, range(1, 18))
        farm.end()

    *_, last = farm_with(finish).follow()
    assert last.execution.status is JobStatus.SUCCEEDED
    assert (last.done, last.total, last.fresh) == (17, 17, tuple(range(1, 18)))


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELED])
def test_a_failed_or_canceled_job_is_followed_to_its_end(status: JobStatus) -> None:
    *_, last = farm_with(lambda farm, _: farm.end(status)).follow()
    assert last.execution.status is status


def test_frames_that_the_plan_left_out_are_reused() -> None:
    farm = farm_with(put(7), end, present=(1, 2, 3))
    first, second, _ = farm.follow()
    assert (first.reused, first.done, first.fresh) == (3, 3, (1, 2, 3))
    assert (second.reused, second.done) == (3, 4)


@pytest.mark.parametrize("from_the_start", [True, False])
def test_frames_of_scouts_count_as_rendered(*, from_the_start: bool) -> None:
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


def test_frames_are_unknown_before_the_job_is_prepared() -> None:
    farm = Farm()
    farm.executions.start(JOB, {})
    farm._script = iter([lambda: make_job(farm.store), farm.end])
    before, unplanned, _ = farm.follow()
    assert (before.job, before.total, before.reused) == (None, None, None)
    assert (unplanned.total, unplanned.reused, unplanned.rate) == (17, None, None)


def test_a_sequence_reuses_all_frames() -> None:
    farm = Farm()
    put_frames(farm.store, make_job(farm.store, output="video"), range(1, 18))
    farm.executions.start(JOB, {})
    farm.end()
    (only,) = farm.follow()
    assert (only.done, only.reused) == (17, 17)


def test_the_rate_ignores_reused_frames() -> None:
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


def test_empty_objects_and_frames_of_other_jobs_are_ignored() -> None:
    def litter(farm: Farm, job: Job) -> None:
        put_frames(farm.store, job, [1], data=b"")
        put_frames(farm.store, job, [18])
        farm.store.put(BUCKETS.frames, f"{job.outputs.prefix}2.jpg", b"image")
        farm.store.put(BUCKETS.frames, f"{job.outputs.prefix}else/000002.png", b"image")

    *_, last = farm_with(litter, end).follow()
    assert last.done == 0


def test_negative_frames_are_all_found() -> None:
    farm = farm_with(put(3), put(-5), put(0), put(-1), end, frames="-5--1:4,0,3")
    snapshots = list(farm.follow())
    assert [snapshot.fresh for snapshot in snapshots[1:5]] == [(3,), (-5,), (0,), (-1,)]


def test_each_worker_has_its_latest_record() -> None:
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


def test_output_of_blender_is_not_a_workers_record() -> None:
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


def test_a_job_that_was_just_started_is_awaited() -> None:
    farm = Farm()
    farm._script = iter([lambda: farm.executions.start(JOB, {}), farm.end])
    assert [snapshot.execution.status for snapshot in farm.follow()] == [JobStatus.RUNNING, JobStatus.SUCCEEDED]


def test_an_unknown_job_is_an_error_after_a_while() -> None:
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
