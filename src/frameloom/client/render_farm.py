"""A farm: start jobs on it, list them, find one."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from frameloom.client.connect import CLOSED, Connection, StackTarget, Target, find_running, local_target
from frameloom.client.farm_errors import farm_errors
from frameloom.client.find_job import NEWEST, find_job
from frameloom.client.job_events import Listener, ignore
from frameloom.client.job_result import JobInfo, QueueDepth
from frameloom.client.job_state import job_info
from frameloom.client.render_job import Job, new_job_id
from frameloom.model.errors import FarmUnavailable, InvalidRequest
from frameloom.model.messages import LogRecord
from frameloom.services.read_log import JobLog
from frameloom.services.skipped_executions import is_skipped

if TYPE_CHECKING:
    from frameloom.client.request_fields import RequestFields


class Farm:
    """A farm, on this machine or in AWS; a context manager.

    `Farm.local`, `Farm.running` and `Farm.of_stack` return one:

        with Farm.local() as farm:
            job = farm.render("shot.blend", frames="1-10", out="renders")
            for snapshot in job.follow():
                print(snapshot.done, "of", snapshot.total)
            print(job.result.video)

    All methods raise FarmUnavailable if the farm cannot be started or reached.

    Attributes:
        persistent: whether the farm and its jobs continue after the `with` block.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._closed = False
        self.persistent = target.stays

    @classmethod
    def local(cls, *, workers: int | None = None, trust_scripts: bool = False) -> Self:
        """Return the farm that `frameloom farm up` runs on this machine; if none runs, one of this process's own.

        A farm of its own starts with the first job and ends with the `with` block, with all its jobs. Its buckets are
        in memory, so give `out` to the jobs.

        Args:
            workers: how many workers a farm of its own has; None starts with one, and adds more while Blender leaves
                cores idle.
            trust_scripts: whether a farm of its own may run the Python in a scene, for jobs that ask for it. A first
                job with `trust_scripts=True` turns it on.

        Raises:
            InvalidRequest: `workers` is not 1 or more, or is given although a farm is running.
        """
        return cls(local_target(workers=workers, trust_scripts=trust_scripts))

    @classmethod
    def running(cls) -> Self:
        """Return the farm that `frameloom farm up` runs on this machine.

        Raises:
            FarmUnavailable: no farm is running.
        """
        target = find_running()
        if target is None:
            raise FarmUnavailable(problem="No local farm is running: start one with `frameloom farm up`.")
        return cls(target)

    @classmethod
    def of_stack(cls, name: str) -> Self:
        """Return the farm of a CloudFormation stack in AWS, with this process's credentials and region."""
        return cls(StackTarget(name))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End a farm of this process's own, with its jobs; other farms continue."""
        self._closed = True
        self._target.close()

    def render(
        self,
        path: str | Path,
        /,
        *,
        out: str | Path | None = None,
        on_event: Listener = ignore,
        **fields: "Unpack[RequestFields]",
    ) -> Job:
        """Check a scene, upload it with the files that it refers to, and start a job.

        Frames that were rendered before, with the same settings of the same scene, are not rendered again.

        Args:
            path: the .blend on this disk. Its key in the scenes bucket comes from this path, or is `file`.
            out: the folder that `Job.follow` and `Job.wait` download the results to, and where earlier frames are
                found; None downloads nothing.
            on_event: called with each `Step` and `Notice`, from any thread.
            fields: the fields of the job's request, such as `frames="1-10"`, `samples=16`,
                `resolution_percentage=50`, `output="frames"` or `video={"codec": "prores"}`.

        Raises:
            InvalidRequest: a field, the path or the folder is wrong; the message names it.
            SceneUnreadable, SceneTooNew, NoCamera, MissingAssets: the scene cannot be rendered.
        """
        return self.new_job(path, out=out, on_event=on_event, **fields).start()

    def sequence(
        self,
        path: str | Path,
        /,
        *,
        out: str | Path | None = None,
        on_event: Listener = ignore,
        **fields: "Unpack[RequestFields]",
    ) -> Job:
        """Start a job that makes the video of frames that exist, and renders nothing; arguments as `render`.

        Fields that change pixels, such as `samples`, select the frames: give the values that they were rendered with.
        """
        fields["output"] = "video"
        return self.render(path, out=out, on_event=on_event, **fields)

    @farm_errors()
    def new_job(
        self,
        path: str | Path,
        /,
        *,
        out: str | Path | None = None,
        on_event: Listener = ignore,
        **fields: "Unpack[RequestFields]",
    ) -> Job:
        """Check a scene and a request as `render` does, and return the job; `Job.start` uploads and starts it."""
        from frameloom.client.prepared_job import prepare_job  # noqa: PLC0415  it needs the reader of .blend files

        self._check_open()
        prepared = prepare_job(Path(path), fields, out=None if out is None else Path(out), target=self._target)
        return Job(self._target, new_job_id(prepared.request.file), prepared=prepared, on_event=on_event)

    def job(self, name: str) -> Job:
        """Return a job by its id, or by the first characters of its id.

        Raises:
            InvalidRequest: no job has this id, or several ids begin with these characters.
        """
        found = self.find_job(name)
        if found is None:
            raise InvalidRequest(field="job", problem=f"the farm knows of no job {name!r}")
        return found

    @farm_errors()
    def find_job(self, name: str) -> Job | None:
        """Return a job as `job` does; None if no job has this id.

        Raises:
            InvalidRequest: several ids begin with these characters.
        """
        execution = find_job(self._connection().executions, name)
        return None if execution is None else Job(self._target, execution.job_id)

    @farm_errors()
    def jobs(self, limit: int = 10) -> list[JobInfo]:
        """Return the status of the newest jobs, the newest first.

        Step Functions lists neither errors nor outputs: `error`, `cause` and `video` are None. `Job.status` has them.

        Args:
            limit: the most jobs to return; of more than 1,000, the newest 1,000 are returned.

        Raises:
            InvalidRequest: `limit` is negative.
        """
        if limit < 0:
            raise InvalidRequest(field="limit", problem=f"takes 0 or more, not {limit}")
        return list(islice(self._jobs(), limit))

    @farm_errors()
    def queue(self) -> QueueDepth:
        """Return how many chunks wait, are with workers, or were given up."""
        return self._connection().queue_depth()

    def logs(
        self, name: str, *, follow: bool = False, frame: int | None = None, worker: str | None = None
    ) -> Iterator[LogRecord]:
        """Yield the log records of a job, as `Job.logs`; also of a job that Step Functions has forgotten after months.

        Raises:
            InvalidRequest: the farm has neither a job nor a log of this name.
        """
        found = self.find_job(name)
        if found is not None:
            yield from found.logs(follow=follow, frame=frame, worker=worker)
            return
        with farm_errors():
            farm = self._connection()
            records = JobLog(name, store=farm.store, buckets=farm.buckets, worker=worker, frame=frame).read()
        if not records:
            raise InvalidRequest(field="job", problem=f"the farm knows of no job {name!r}")
        yield from records

    def _jobs(self) -> Iterator[JobInfo]:
        """Yield the newest jobs, without the executions that uploads of the client start."""
        farm = self._connection()
        for execution in farm.executions.list(limit=NEWEST):
            info = job_info(execution, farm)
            # An execution with a manifest is a job.
            if info.scene is not None or not is_skipped(
                execution, executions=farm.executions, store=farm.store, buckets=farm.buckets
            ):
                yield info

    def _connection(self) -> Connection:
        self._check_open()
        self._target.open(_ignore_notice, trust_scripts=False)
        return self._target.connection()

    def _check_open(self) -> None:
        if self._closed:
            raise FarmUnavailable(problem=CLOSED)


def _ignore_notice(text: str) -> None:
    del text
