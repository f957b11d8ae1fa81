"""A machine has idle capacity for another worker, and a sample of the machine shows it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from frameloom.local.idle_capacity import Sample, most_workers, take_sample, worth_another

GIB = 2**30
# A program with a child that keeps one core busy, as a worker has a Blender.
WORKER = """
import subprocess, sys
subprocess.run([sys.executable, "-c", "while True: pass"])
"""


def after(
    seconds: float,
    *,
    idle: float,
    busy: dict[int, float],
    free: int = 16 * GIB,
    largest: int = GIB,
    cores: int = 16,
) -> bool:
    """Return whether another worker is worth it with these idle cores, and these busy cores by Blender's process id."""
    before = Sample(at=10.0, idle=500.0, free=free, busy=dict.fromkeys(busy, 70.0), largest=largest)
    now = replace(
        before,
        at=before.at + seconds,
        idle=before.idle + seconds * idle,
        busy={pid: 70.0 + seconds * cores for pid, cores in busy.items()},
    )
    return worth_another([before, now], cores=cores)


@pytest.mark.parametrize(
    ("idle", "busy", "worth"),
    [
        (1.0, {1: 1.0}, True),
        (12.0, {1: 4.0}, True),
        (4.0, {1: 4.0, 2: 4.0, 3: 4.0}, True),
        # The idle cores are less than three quarters of those of one Blender.
        (0.2, {1: 1.8}, False),
        (6.0, {1: 10.0}, False),
        (0.0, {1: 1.0, 2: 1.0}, False),
        # One of them does not render.
        (14.0, {1: 2.0, 2: 0.1}, False),
        (2.0, {}, False),
    ],
)
def test_another_worker_is_worth_it_if_all_render_and_leave_room_for_one(
    idle: float, busy: dict[int, float], *, worth: bool
) -> None:
    assert after(3.0, idle=idle, busy=busy) is worth


def test_another_worker_needs_as_much_memory_as_the_largest() -> None:
    assert after(3.0, idle=1.0, busy={1: 1.0}, free=4 * GIB, largest=2 * GIB)
    assert not after(3.0, idle=1.0, busy={1: 1.0}, free=4 * GIB - 1, largest=2 * GIB)


def test_cores_that_a_container_cannot_use_are_not_idle() -> None:
    assert after(3.0, idle=60.0, busy={1: 2.0}, cores=4)
    assert not after(3.0, idle=60.0, busy={1: 2.0}, cores=3)


def test_a_blender_in_only_one_sample_is_not_judged() -> None:
    before = Sample(at=0.0, idle=0.0, free=16 * GIB, busy={1: 0.0})
    assert not worth_another([before, replace(before, at=3.0, idle=3.0, busy={2: 3.0})], cores=16)
    assert not worth_another([before, before], cores=16)
    assert not worth_another([before], cores=16)


def test_a_worker_that_waits_and_then_uses_all_cores_leaves_no_room() -> None:
    waits = Sample(at=0.0, idle=0.0, free=16 * GIB, busy={1: 0.0})
    begins = replace(waits, at=1.0, idle=2.0)
    renders = replace(waits, at=2.0, idle=2.0, busy={1: 2.0})
    # On average, one core was busy and one idle.
    assert worth_another([waits, renders], cores=16)
    assert not worth_another([waits, begins, renders], cores=16)


@pytest.fixture
def worker() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", WORKER], start_new_session=True)
    yield process.pid
    os.killpg(process.pid, 9)
    process.wait()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc")
def test_a_sample_has_the_busy_cores_of_the_workers_children(worker: int) -> None:
    deadline = time.monotonic() + 30
    while (sample := take_sample([worker], at=0.0)) is None or sum(sample.busy.values()) < 0.2:
        assert time.monotonic() < deadline, sample
        time.sleep(0.05)
    (child,) = sample.busy
    assert child != worker
    assert 2**20 < sample.largest < GIB
    assert sample.free > 0
    later = take_sample([worker], at=1.0)
    assert later is not None
    assert later.busy[child] >= sample.busy[child]
    assert later.idle >= sample.idle


def test_without_proc_there_is_no_sample(tmp_path: Path) -> None:
    assert take_sample([1], at=0.0, proc=tmp_path) is None


def test_no_machine_has_more_workers_than_cores() -> None:
    assert 1 <= most_workers() <= (os.cpu_count() or 1)
