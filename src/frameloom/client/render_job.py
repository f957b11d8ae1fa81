"""A job on a farm: start it, follow it, wait for its results, cancel it."""

import inspect
import secrets
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from frameloom.client.connect import Connection, Target
from frameloom.client.farm_errors import farm_errors
from frameloom.client.job_events import Action, Listener, Step, ignore
from frameloom.client.job_result import JobInfo, JobResult
from frameloom.client.job_state import check_has_results, job_info, result_of
from frameloom.model import keys
from frameloom.model.errors import InvalidRequest, JobCanceled, JobFailed, JobUnfinished
from frameloom.model.job_status import JobStatus
from frameloom.model.messages import LogRecord
from frameloom.model.notices import Notice, NoticeKind
from frameloom.model.report import JobReport, ObjectRef
from frameloom.model.request import parse_request
from frameloom.services.follow_job import Snapshot, follow
from frameloom.services.read_log import JobLog
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Execution

if TYPE_CHECKING:
    from frameloom.client.download import Download
    from frameloom.client.prepared_job import PreparedJob

_RETRIED = (JobStatus.FAILED, JobStatus.CANCELED)


class Job:
    """A job; `Farm.render`, `Farm.job` and `Job.retry` return one.

    All methods raise FarmUnavailable if the farm cannot be reached, and OSError if the output folder cannot be written.
    A job has one follower at a time: `follow`, `wait`, `fetch` and `cancel` end an iteration that an earlier call
    began. While one thread follows a job, another one may call `cancel`; the follower then returns with the end of the
    job. To follow one job from several threads, get an object for each with `Farm.job`.

    Attributes:
        id: the job's id, which is unique on its farm.
        on_event: called with each `Step` and `Notice`, from any thread.
        started: whether the job was given to the farm.
    """

    def __init__(
        self, target: Target, job_id: str, *, prepared: "PreparedJob | None" = None, on_event: Listener = ignore
    ) -> None:
        self.id = job_id
        self.on_event = on_event
        self.started = prepared is None
        self._target, self._prepared = target, prepared
        self._download: Download | None = None
        self._following: Generator[Snapshot] | None = None
        self._follower: int | None = None
        self._result: JobResult | None = None
        self._began = time.monotonic()

    def __repr__(self) -> str:
        return f"<Job {self.id}>"

    @property
    def result(self) -> JobResult:
        """The status of the ended job and the paths of its results.

        Raises:
            JobUnfinished: the job was not followed to its end; `wait` does that.
        """
        if self._result is None:
            raise JobUnfinished(job_id=self.id, problem="has no result yet: `wait` follows it to its end")
        return self._result

    @property
    def report(self) -> ObjectRef:
        """The place of the job's report in S3, where it is written when the job ends."""
        with farm_errors():
            return ObjectRef(bucket=self._connection().buckets.logs, key=keys.report_key(self.id))

    @property
    def folder(self) -> Path | None:
        """The folder for the job's frames; None if it does not exist, or if nothing is downloaded."""
        return None if self._download is None else self._download.frames_folder(None)

    @property
    def notices(self) -> tuple[Notice, ...]:
        """The notices about a job that this object starts; `status` and `result` have those of any job."""
        return () if self._prepared is None else self._prepared.resolved.notices

    @farm_errors()
    def start(self) -> Self:
        """Upload the scene and its files, and start a job that `Farm.new_job` returned; return the job.

        Files that the farm has are not uploaded again. A job that was started before is not started again.

        Raises:
            MissingAssets: the scene refers to files that are neither on this disk nor in the scenes bucket.
        """
        prepared = self._prepared
        if prepared is None or self.started:
            return self
        for notice in self.notices:
            self.on_event(notice)
        self.on_event(Step(action=Action.CONNECT))
        self._target.open(self._notify, trust_scripts=prepared.request.trust_scripts is True)
        if prepared.resolved.references or prepared.assets:
            shown = self.notices
            prepared = prepared.upload_assets(self._connection(), self._report_assets)
            self._prepared = prepared
            for notice in self.notices[len(shown) :]:
                self.on_event(notice)
        if prepared.output is not None:
            from frameloom.client.download import Download  # noqa: PLC0415

            # A farm that starts needs a while: read the frames in the folder meanwhile.
            self._download = Download(prepared.output, prepared.resolved.render_key)
            self._download.find_frames(prepared.resolved.frames, prepared.resolved.files)
        farm = self._connection()
        self.on_event(Step(action=Action.UPLOAD_SCENE))
        prepared.upload_scene(farm)
        if self._download is not None and self._download.present and not self._target.keeps_frames:
            prepared.upload_frames(farm, self._download.present, self._download.folder)
        # Before the call: an interrupt may come after the job exists and before the call returns.
        self.started = True
        try:
            farm.executions.start(self.id, prepared.request.to_json())
        except Exception:
            self.started = False
            raise
        return self

    def follow(self, out: str | Path | None = None) -> Generator[Snapshot]:
        """Yield the status of the job, several times a second at most, until it has ended.

        Downloads each frame as soon as it exists, and the film and the report at the end, to `out` or to the folder
        that `Farm.render` was given. Frames that are whole in the folder are not downloaded again. The last snapshot
        is that of the end; afterwards `result` has the paths. Leaving the loop early does not stop the job; `close`
        then ends the downloads.

        Raises:
            InvalidRequest: the farm has no such job, the results cannot be written to `out`, or the job has no results
                to download.
            RuntimeError: another thread follows the job with this object.
        """
        self._stop_following()
        self._following = self._follow(None if out is None else Path(out))
        self._follower = threading.get_ident()
        return self._following

    def wait(self, timeout: float | None = None) -> JobResult:
        """Follow the job to its end and return its result.

        Args:
            timeout: seconds; None waits until the job ends. The job continues after it.

        Raises:
            JobFailed: the job failed; `result` has its paths.
            JobCanceled: the job was canceled.
            JobUnfinished: the job has not ended within the timeout.
        """
        result = self._result or self._finish(None, timeout)
        facts = {"job_id": self.id, "error": result.error, "cause": result.cause or "no reason was given"}
        if result.status is JobStatus.FAILED:
            raise JobFailed(**facts)
        if result.status is JobStatus.CANCELED:
            raise JobCanceled(**facts)
        return result

    def fetch(self, out: str | Path, *, timeout: float | None = None) -> JobResult:
        """Follow the job to its end, download its results to `out`, and return the result, also of a failed job.

        Raises:
            InvalidRequest: as `follow`.
            JobUnfinished: the job has not ended within `timeout` seconds.
        """
        return self._finish(Path(out), timeout)

    @farm_errors()
    def fetch_frames(self) -> Path | None:
        """Download the frames that exist now to the folder that `Farm.render` was given; return the folder of frames.

        Returns None if the folder does not exist, or if nothing is downloaded.
        """
        self._stop_following()
        if self._download is not None:
            self._download.fetch_existing(self.id, self._connection())
        return self.folder

    @farm_errors()
    def status(self) -> JobInfo:
        """Return the current status of the job.

        Raises:
            InvalidRequest: the farm has no such job.
        """
        return job_info(self._execution(), self._connection())

    @farm_errors()
    def cancel(self, reason: str = "Canceled by the client.") -> JobStatus:
        """Cancel the job and return its status; a job that has ended keeps its own.

        Its workers stop within half a minute. Frames that are finished stay in S3. Any thread and any signal handler
        may call it.
        """
        # A follower in another thread, or one that a signal handler has interrupted, returns at the end of the job.
        if self._follower == threading.get_ident() and not self._is_followed():
            self._stop_following()
        executions = self._connection().executions
        # A job whose start was interrupted may not exist.
        with suppress(LookupError):
            executions.stop(self.id, reason=reason)
        after = executions.describe(self.id)
        return JobStatus.CANCELED if after is None else after.status

    @farm_errors()
    def retry(self) -> "Job":
        """Start a new job with the request of this one, which failed or was canceled, and return it.

        The new job renders the frames that are missing. If the scene was uploaded again since, it renders all.

        Raises:
            InvalidRequest: the job runs or has succeeded, or its request is invalid.
        """
        before = self._execution()
        if not before.status.ended:
            raise InvalidRequest(field="job", problem=f"job {self.id} has not ended: cancel it first")
        if before.status not in _RETRIED:
            raise InvalidRequest(field="job", problem=f"job {self.id} has {before.status}: no frames are missing")
        # Check it first: an invalid request would fail again.
        again = new_job_id(parse_request(before.input).file)
        self._connection().executions.start(again, before.input)
        return Job(self._target, again, on_event=self.on_event)

    def logs(self, *, follow: bool = False, frame: int | None = None, worker: str | None = None) -> Iterator[LogRecord]:
        """Yield the log records of the job's workers in the order of time.

        Args:
            follow: continue until the job ends; a record that arrives late is yielded late.
            frame: only the records of this frame.
            worker: only the records of this worker.
        """
        with farm_errors():
            farm = self._connection()
            log = JobLog(self.id, store=farm.store, buckets=farm.buckets, worker=worker, frame=frame)
            for records in log.follow(self.id, farm.executions) if follow else [log.read()]:
                yield from records

    def _follow(self, out: Path | None) -> Generator[Snapshot]:
        with farm_errors():
            farm = self._connection()
            download = self._download if out is None else None
            with ExitStack() as stack:
                if download is not None:
                    stack.enter_context(download.fetching(farm))
                for snapshot in follow(self.id, store=farm.store, executions=farm.executions, buckets=farm.buckets):
                    if snapshot.job is not None:
                        if download is None and out is not None:
                            from frameloom.client.download import Download  # noqa: PLC0415

                            download = Download.of(snapshot.job, out)
                            stack.enter_context(download.fetching(farm))
                        if download is not None:
                            download.fetch(snapshot.fresh, snapshot.job)
                    yield snapshot
            self._result = self._ended(snapshot, download, farm, required=out is not None)

    def _ended(self, snapshot: Snapshot, download: "Download | None", farm: Connection, *, required: bool) -> JobResult:
        """Download film and report, and return how the job ended; with `required`, refuse a job without results."""
        execution, manifest = snapshot.execution, snapshot.job
        if required and manifest is None:
            check_has_results(execution)
        report = job_documents.read(farm.store, farm.buckets.logs, keys.report_key(self.id))
        kept = None
        if report is not None and download is not None:
            if JobReport.model_validate(report).summary.video is not None:
                self.on_event(Step(action=Action.DOWNLOAD_VIDEO))
            identity = "" if self._prepared is None else self._prepared.film_identity()
            if manifest is not None:
                identity = manifest.film_identity(manifest.frame_range())
            kept = download.fetch_report(report, identity=identity, farm=farm)
        result = result_of(snapshot, report, seconds=time.monotonic() - self._began)
        if download is None:
            return result
        return replace(
            result,
            video=None if kept is None else kept.video,
            report=None if kept is None else kept.report,
            folder=download.frames_folder(manifest),
            frames=download.frames(manifest),
        )

    def _finish(self, out: Path | None, timeout: float | None) -> JobResult:
        began = time.monotonic()
        for snapshot in self.follow(out):
            if snapshot.execution.status.ended or timeout is None:
                continue
            if time.monotonic() > began + timeout:
                self._stop_following()
                raise JobUnfinished(job_id=self.id, problem=f"has not ended within {timeout:g} s")
        return self.result

    def _is_followed(self) -> bool:
        """Return whether an iteration is inside `_follow`, and not suspended between two snapshots."""
        following = self._following
        return following is not None and inspect.getgeneratorstate(following) == inspect.GEN_RUNNING

    def _stop_following(self) -> None:
        if self._is_followed():
            raise RuntimeError(f"Another thread follows job {self.id}: get an object for this thread with `Farm.job`.")
        following, self._following = self._following, None
        if following is not None:
            following.close()

    def _execution(self) -> Execution:
        execution = self._connection().executions.describe(self.id)
        if execution is None:
            raise InvalidRequest(field="job", problem=f"the farm knows of no job {self.id!r}")
        return execution

    def _connection(self) -> Connection:
        self._target.open(self._notify, trust_scripts=False)
        return self._target.connection()

    def _notify(self, text: str) -> None:
        self.on_event(Notice(kind=NoticeKind.FARM, text=text))

    def _report_assets(self, done: int, total: int) -> None:
        self.on_event(Step(action=Action.UPLOAD_ASSETS, done=done, total=total))


def new_job_id(scene: str) -> str:
    """Return an id for a new job of the scene with this key."""
    return keys.new_job_id(scene, datetime.now(UTC), secrets.token_hex(3))
