"""A run: jobs on a disturbed local farm, and the invariants afterwards."""

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from frameloom.local.local_farm import LocalFarm
from frameloom.model.job_status import JobStatus
from tests.chaos import invariants
from tests.chaos.disturbances import Disturber, Scene
from tests.chaos.faults import Dice, throttled
from tests.chaos.ledger import Ledger
from tests.chaos.proxy import Answer, Call, Forward, Proxy
from tests.e2e.rig import Rig
from tests.scenes import make_scene

WORKERS = 2
# Seconds.
LEASE = 2
# Visibility timeout of the functions' queues in seconds, so that a killed function's messages return soon.
BACK_AFTER = 15
# Concurrent jobs, and their timeouts in seconds, by which each of them ends.
AT_ONCE = 3
TIMEOUTS = {"queue_timeout": 90, "chunk_timeout": 120, "frame_timeout": 10}
# Seconds for a job to end after the disturbances: two rounds of two attempts, and its film.
END_TIMEOUT = 4 * TIMEOUTS["chunk_timeout"] + 120


@dataclass(slots=True, kw_only=True)
class ChaosJob:
    """A job of the run: its request, id and result."""

    request: dict[str, Any]
    job_id: str
    scene: str
    status: JobStatus | None = None
    error: str | None = None
    cause: str | None = None


@dataclass(slots=True, kw_only=True)
class Result:
    """The result of a run; `broken` has a sentence for each violated invariant."""

    seed: int
    seconds: float
    jobs: list[ChaosJob]
    ledger: Ledger
    frames: int
    renders: int
    broken: list[str] = field(default_factory=list)


class Chaos:
    """A disturbed farm.

    Args:
        seed: decides the jobs and the disturbances.
        show: called with a sentence for each step.
    """

    def __init__(self, seed: int, *, show: Callable[[str], None] = lambda _: None) -> None:
        self._seed, self._show = seed, show
        self._dice, self._jobs_dice = Dice(seed), random.Random(f"{seed}/jobs")
        self._ledger = Ledger()
        self._interrupted: dict[str, float] = {}
        self._disturbed = False
        self._begun = time.monotonic()
        self._jobs: list[ChaosJob] = []

    def run(self, seconds: float) -> Result:
        """Disturb a farm for some seconds, wait for its jobs, and check the invariants."""
        folder = Path(tempfile.mkdtemp(prefix="chaos-"))
        try:
            with self._farm(folder) as rig:
                scenes = _scenes(folder)
                pictures = self._undisturbed(rig, scenes)
                canceled = self._disturb(rig, scenes, seconds)
                self._end_all(rig)
                broken = [*invariants.of_jobs(rig, self._jobs, canceled, pictures)]
                self._ledger.jobs_ended({job.job_id: str(job.status or "never ended") for job in self._jobs})
                self._run_again(rig, pictures, broken)
                self._run_another(rig, scenes, broken)
                broken += invariants.of_queues(rig, folder, invalid=self._invalid)
                broken += invariants.of_buckets(rig)
                broken += invariants.of_logs(rig, folder)
                broken += invariants.of_disk(folder, workers=WORKERS)
                frames, renders = invariants.work(rig, self._jobs)
            broken += invariants.of_a_closed_farm(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return Result(
            seed=self._seed,
            seconds=self._clock(),
            jobs=self._jobs,
            ledger=self._ledger,
            frames=frames,
            renders=renders,
            broken=broken,
        )

    @contextmanager
    def _farm(self, folder: Path) -> Iterator[Rig]:
        with Proxy(self._treat) as proxy:
            (folder / invariants.SCRATCH).mkdir()
            environment = {
                "LEASE_SECONDS": str(LEASE),
                "AWS_ENDPOINT_URL": proxy.url,
                "SCRATCH_DIR": str(folder / invariants.SCRATCH),
            }
            with LocalFarm(workers=WORKERS, work_dir=folder / "farm", worker_env=environment, log=self._show) as farm:
                proxy.forward_to(farm.environment)
                rig = Rig(farm, folder / "calls")
                for queue in rig.sqs.list_queues()["QueueUrls"]:
                    attributes = {"VisibilityTimeout": str(BACK_AFTER)}
                    rig.sqs.set_queue_attributes(QueueUrl=queue, Attributes=attributes)
                yield rig

    def _treat(self, call: Call, forward: Forward) -> Answer:
        if time.monotonic() < self._interrupted.get(call.service, 0):
            return throttled(call, forward)
        fault = self._dice.roll(call) if self._disturbed else None
        if fault is None:
            answer = forward(call)
            self._ledger.answered(call)
            return answer
        entry = self._ledger.note(fault.name, call.name, at=self._clock(), result="answered")
        if fault.loses_the_answer:
            self._ledger.unanswered(call, entry)
        return fault.treat(call, forward)

    def _clock(self) -> float:
        return time.monotonic() - self._begun

    def _undisturbed(self, rig: Rig, scenes: dict[str, Path]) -> dict[str, dict[int, bytes]]:
        """Render each scene once without disturbances, and return its frames' pixels."""
        for name, scene in scenes.items():
            rig.upload_quietly(scene, f"{name}.blend")
            execution = rig.run(file=f"{name}.blend", output="frames")
            assert execution.status is JobStatus.SUCCEEDED, execution.cause
        return {name: invariants.pixels(rig, name) for name in scenes}

    def _disturb(self, rig: Rig, scenes: dict[str, Path], seconds: float) -> set[str]:
        scene = Scene(rig=rig, lease=LEASE, outage=self._interrupt, running=lambda: self._running(rig))
        disturber = Disturber(self._seed, scene, self._ledger, self._clock)
        self._disturbed = True
        disturber.start()
        try:
            until = time.monotonic() + seconds
            while (left := until - time.monotonic()) > 0:
                while len(self._running(rig)) < AT_ONCE:
                    self._start(rig, scenes)
                time.sleep(min(0.5, left))
        finally:
            self._disturbed = False
            disturber.stop()
        self._invalid = disturber.invalid_messages
        return disturber.canceled

    def _interrupt(self, service: str, seconds: float) -> None:
        self._interrupted[service] = time.monotonic() + seconds

    def _start(self, rig: Rig, scenes: dict[str, Path]) -> None:
        dice = self._jobs_dice
        name = dice.choice(sorted(scenes))
        key = f"chaos/{len(self._jobs)}/{name}.blend"
        rig.upload_quietly(scenes[name], key)
        request = {
            "file": key,
            "chunk_size": dice.choice([1, 2, 3, 5]),
            "output": dice.choice(["frames", "both"]),
            **TIMEOUTS,
        }
        job_id = rig.start(**request)
        self._jobs.append(ChaosJob(request=request, job_id=job_id, scene=name))
        self._show(f"{job_id} renders {key}")

    def _running(self, rig: Rig) -> list[str]:
        for job in self._jobs:
            if job.status is None:
                self._look(rig, job)
        return [job.job_id for job in self._jobs if job.status is None]

    def _look(self, rig: Rig, job: ChaosJob) -> None:
        execution = rig.jobs.describe(job.job_id)
        assert execution is not None
        if execution.status.ended:
            job.status, job.error, job.cause = execution.status, execution.error, execution.cause
            self._show(f"{job.job_id} ended: {job.status} {job.cause or ''}")

    def _end_all(self, rig: Rig) -> None:
        self._show("The disturbances are over; waiting for the running jobs.")
        deadline = time.monotonic() + END_TIMEOUT
        while self._running(rig) and time.monotonic() < deadline:
            time.sleep(0.2)

    def _run_again(self, rig: Rig, pictures: dict[str, dict[int, bytes]], broken: list[str]) -> None:
        """Start failed and canceled jobs again: they render the missing frames and no others."""
        for job in [job for job in self._jobs if job.status not in (None, JobStatus.SUCCEEDED)]:
            broken += invariants.of_a_second_start(rig, job, pictures[job.scene])

    def _run_another(self, rig: Rig, scenes: dict[str, Path], broken: list[str]) -> None:
        """Run one more job, which must succeed."""
        rig.upload_quietly(scenes["tiny"], "afterwards.blend")
        execution = rig.run(file="afterwards.blend")
        if execution.status is not JobStatus.SUCCEEDED:
            broken.append(f"a job after the disturbances ended as {execution.status}: {execution.cause}")


def _scenes(folder: Path) -> dict[str, Path]:
    """Make a scene of short frames, and one of frames long enough to be interrupted."""
    return {
        "tiny": make_scene(folder / "tiny.blend", frames=(1, 10)),
        "steady": make_scene(folder / "steady.blend", frames=(1, 6), size=(320, 180), samples=32),
    }
