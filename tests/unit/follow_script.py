"""A job to follow: a store, executions and a clock that only pauses move on."""

from collections.abc import Callable, Iterator
from functools import partial

from frameloom.model import keys
from frameloom.model.job import Job
from frameloom.model.job_status import JobStatus
from frameloom.model.messages import LogRecord
from frameloom.services.follow_job import Snapshot, follow
from frameloom.services.plan_chunks import plan
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
    """Return a farm whose job is planned, with a script of one step per pause."""
    farm = Farm()
    job = make_job(farm.store, frames)
    farm._script = iter([partial(step, farm, job) for step in script])
    put_frames(farm.store, job, present)
    plan(JOB, 1, store=farm.store, buckets=BUCKETS)
    farm.executions.start(JOB, {})
    return farm


def put_log(store: MemoryStore, worker: str, part: str, *messages: str) -> None:
    lines = [
        LogRecord(time=f"2026-11-23T06:00:{part}", level="info", message=message, worker=worker, frame=1)
        for message in messages
    ]
    text = "".join(line.model_dump_json(exclude_none=True) + "\n" for line in lines)
    store.put(BUCKETS.logs, keys.log_part_key(JOB, worker, part), text.encode())


def nothing_at_all() -> None:
    """Let time go by."""
