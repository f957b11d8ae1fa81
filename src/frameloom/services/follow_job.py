"""Follows a job: a snapshot of its frames, its rate and its workers, again and again until it has ended."""

import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from frameloom.model import keys, rounds
from frameloom.model.errors import FarmUnavailable
from frameloom.model.frames import FrameRange
from frameloom.model.job import Job
from frameloom.model.messages import LogRecord
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Buckets, Execution, Executions, Store

# Seconds between two polls: short at first, then a share of the time since the last frame, or of the time per frame
# while several are missing. Polling takes processor time, which one machine needs for rendering.
QUICKEST, SLOWEST, PATIENCE, PATIENCE_FOR_FRAMES = 0.2, 2.0, 0.1, 0.5
# With all frames in S3, no worker renders and the job ends soon.
QUICKEST_AT_THE_END = 0.05
# The shares of the time for polling, and for reading the workers' logs, which are only displayed.
LOOKING, READING = 0.08, 0.02
# The rate is that of the last minute, or of the last ten frames if they took longer.
SPEED_SECONDS, SPEED_FRAMES = 60.0, 10
# Step Functions may not describe an execution at once after its start.
STARTS_WITHIN = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The status of a job at one moment.

    Attributes:
        execution: the execution, with its status, error and cause.
        job: the manifest; None before PrepareJob has run.
        fresh: frames that were stored in S3 since the last snapshot; all snapshots together name each frame once.
        done: the number of frames in S3.
        total: the number of the job's frames; None before PrepareJob has run.
        reused: how many of `done` existed before the job; None before PlanChunks has run.
        rate: frames per second; None before the first frame.
        left: estimated seconds to the last frame; None without a rate.
        seconds: since the follower started.
        workers: the latest log record of each worker.
        task: the task of the whole scene that the job waits for (`SceneTask.task`); None while it waits for none.
    """

    execution: Execution
    job: Job | None = None
    fresh: tuple[int, ...] = ()
    done: int = 0
    total: int | None = None
    reused: int | None = None
    rate: float | None = None
    left: float | None = None
    seconds: float = 0.0
    workers: tuple[LogRecord, ...] = ()
    task: str | None = None


def follow(
    job_id: str,
    *,
    store: Store,
    executions: Executions,
    buckets: Buckets,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Snapshot]:
    """Yield the status of a job until it has ended; the last snapshot has the final status.

    Raises:
        FarmUnavailable: the farm does not know the job after 30 seconds.
    """
    began, news = clock(), None
    frames: _Frames | None = None
    logs = _Logs(store, buckets.logs, job_id)
    looking, reading = _Turns(LOOKING, clock), _Turns(READING, clock)
    while True:
        with looking:
            # Describe the job before listing its frames: if it has ended, the listing misses no frame.
            execution = executions.describe(job_id)
            if frames is None and (job := job_documents.find_job(store, buckets, job_id)) is not None:
                frames = _Frames(store, buckets.logs, job)
            came = frames is not None and frames.look(clock())
            task = None if frames is not None else job_documents.waiting_task(store, buckets, job_id)
        if news is None or came:
            news = clock()
        if execution is not None:
            ended = execution.status.ended
            if reading.due() or ended:
                with reading:
                    logs.read()
            yield _snapshot(execution, frames, logs, task=task, seconds=clock() - began)
            if ended:
                return
        elif clock() - began > STARTS_WITHIN:
            raise FarmUnavailable(problem=f"The farm knows of no job {job_id!r}.")
        patience = max(PATIENCE * (clock() - news), 0.0 if frames is None else frames.patience())
        quickest = QUICKEST_AT_THE_END if frames is not None and frames.done == frames.total else QUICKEST
        pause(max(looking.rest, min(SLOWEST, max(quickest, patience))))


def _snapshot(
    execution: Execution, frames: "_Frames | None", logs: "_Logs", *, task: str | None, seconds: float
) -> Snapshot:
    if frames is None:
        return Snapshot(execution=execution, seconds=seconds, workers=logs.latest(), task=task)
    rate = frames.rate()
    missing = frames.total - frames.done
    return Snapshot(
        execution=execution,
        job=frames.job,
        fresh=frames.take_fresh(),
        done=frames.done,
        total=frames.total,
        reused=frames.reused,
        rate=rate,
        left=missing / rate if rate else None,
        seconds=seconds,
        workers=logs.latest(),
    )


class _Turns:
    """Measures a repeated action, and the pause after it that limits the action to a share of the time.

    The cost is the least of the last three, and zero for the first: the first call opens connections, and a machine may
    be busy for a moment.
    """

    def __init__(self, share: float, clock: Callable[[], float]) -> None:
        self._share, self._clock = share, clock
        self._began = self._next = 0.0
        self._costs: deque[float] = deque([0.0], maxlen=3)
        self.rest = 0.0

    def due(self) -> bool:
        return self._clock() >= self._next

    def __enter__(self) -> None:
        self._began = self._clock()

    def __exit__(self, *_error: object) -> None:
        now = self._clock()
        self._costs.append(now - self._began)
        self.rest = min(self._costs) * (1 - self._share) / self._share
        self._next = now + self.rest


class _Frames:
    """The job's frames in S3, listed from the first missing frame on."""

    def __init__(self, store: Store, logs: str, job: Job) -> None:
        self.job = job
        self._store, self._logs = store, logs
        wanted = {key: frame for frame in job.frame_range() for key in job.files.keys(job.outputs.prefix, frame)}
        self._wanted = wanted
        self._order = sorted(wanted)
        self._files = len(job.files.endings)
        self._parts: Counter[int] = Counter()  # the number of files in S3, of frames with some of their files
        self._whole = 0  # the number of leading keys of `_order` that are all in S3
        self._present: set[str] = set()
        self._fresh: list[int] = []
        self._arrivals: deque[tuple[float, int]] = deque()  # (time, number of frames), since the plan
        self._looked = 0.0
        self.total = len(wanted) // self._files
        self.done = 0
        self.reused: int | None = None if job.renders_frames else self.total

    def look(self, now: float) -> bool:
        """List the frames; return whether new frames exist."""
        before = self.done
        if self.reused is None:
            self.reused = self._planned()
        after = self._order[self._whole - 1] if self._whole else ""
        for stored in self._store.list(self.job.outputs.bucket, self.job.outputs.prefix, after=after):
            if stored.size > 0 and stored.key in self._wanted and stored.key not in self._present:
                self._present.add(stored.key)
                self._note(self._wanted[stored.key])
        while self._whole < len(self._order) and self._order[self._whole] in self._present:
            self._whole += 1
        # Frames that exist before the plan are those of earlier jobs, and do not count for the rate.
        if self.reused is not None:
            self._looked = now
            if not self._arrivals or self._arrivals[-1][1] < self.done:
                self._arrivals.append((now, self.done))
            while len(self._arrivals) > 1 and self._suffices(self._arrivals[1], now):
                self._arrivals.popleft()
        return self.done > before

    def _note(self, frame: int) -> None:
        """Count a new file of a frame; the frame is done when all of its files are there."""
        self._parts[frame] += 1
        if self._parts[frame] == self._files:
            del self._parts[frame]
            self.done += 1
            self._fresh.append(frame)

    def _suffices(self, arrival: tuple[float, int], now: float) -> bool:
        return arrival[0] <= now - SPEED_SECONDS and arrival[1] <= self.done - SPEED_FRAMES

    def take_fresh(self) -> tuple[int, ...]:
        fresh, self._fresh = tuple(sorted(self._fresh)), []
        return fresh

    def rate(self) -> float | None:
        if not self._arrivals:
            return None
        since, before = self._arrivals[0]
        return (self.done - before) / (self._looked - since) if self.done > before else None

    def patience(self) -> float:
        """Return the longest pause in seconds; 0 without a rate, or if the next frame may be the last."""
        rate = self.rate()
        return PATIENCE_FOR_FRAMES / rate if rate is not None and self.total - self.done > 1 else 0.0

    def _planned(self) -> int | None:
        """Return how many frames the plan leaves out because they are in S3; None before the plan exists."""
        # A plan has scouts only if S3 has no frame; the next plan leaves out the frames of the scouts.
        if self._plan(rounds.SCOUTS) is not None:
            return 0
        chunks = self._plan(rounds.FIRST)
        return None if chunks is None else self.total - sum(len(FrameRange.parse(chunk["frames"])) for chunk in chunks)

    def _plan(self, round_number: int) -> list[dict[str, str]] | None:
        plan: list[dict[str, str]] | None = job_documents.read(
            self._store, self._logs, keys.chunks_key(self.job.job_id, round_number)
        )
        return plan


class _Logs:
    """Each worker's latest log record, read from the newest part of its log."""

    def __init__(self, store: Store, bucket: str, job_id: str) -> None:
        self._store, self._bucket = store, bucket
        self._prefix = keys.logs_prefix(job_id)
        self._parts: dict[str, str] = {}
        self._latest: dict[str, LogRecord] = {}

    def read(self) -> None:
        # The parts of a worker's log sort by time: the last part is the newest.
        newest = {_folder(stored.key): stored.key for stored in self._store.list(self._bucket, self._prefix)}
        for folder, key in newest.items():
            if self._parts.get(folder) != key:
                self._parts[folder] = key
                self._keep(self._store.get(self._bucket, key) or b"")

    def _keep(self, part: bytes) -> None:
        # Output of Blender, at level debug, does not show the state of the worker.
        for line in reversed(part.splitlines()):
            record = LogRecord.model_validate(json.loads(line))
            if record.level != "debug":
                self._latest[record.worker] = record
                return

    def latest(self) -> tuple[LogRecord, ...]:
        return tuple(self._latest[worker] for worker in sorted(self._latest))


def _folder(key: str) -> str:
    return key.rpartition("/")[0]
