"""Values that the client returns: the status of a job, the result of an ended job, and the depth of the queue."""

from dataclasses import dataclass
from pathlib import Path

from frameloom.model.job_status import JobStatus
from frameloom.model.notices import Notice
from frameloom.model.report import FrameCounts, ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class JobInfo:
    """The status of a job on its farm.

    Attributes:
        job_id: the job's id.
        status: queued, running, succeeded, failed or canceled.
        started, ended: ISO 8601 in UTC; `ended` is None while the job runs.
        scene: the scene's key in the scenes bucket; None before PrepareJob has run.
        task: the task of the whole scene that the job waits for, such as "inspect"; None for none.
        done, total: frames in the frames bucket, and frames of the job; None before PrepareJob has run.
        error, cause: the name of the error and its message, for a job that failed or was canceled.
        video, report: places in S3; None before they exist.
        notices: notices about the job; empty before PrepareJob has run.
    """

    job_id: str
    status: JobStatus
    started: str
    ended: str | None = None
    scene: str | None = None
    task: str | None = None
    done: int | None = None
    total: int | None = None
    error: str | None = None
    cause: str | None = None
    video: ObjectRef | None = None
    report: ObjectRef | None = None
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """How a job ended, and its results on this machine.

    Attributes:
        job_id: the job's id.
        status: succeeded, failed or canceled.
        counts: numbers of frames: total, rendered, reused and missing.
        seconds: wall time from the creation of the `Job` to the end of the download.
        video: the downloaded film; None if the job made none or nothing was downloaded.
        frames: the files of the job's frames in the output folder, in order; empty if nothing was downloaded.
        folder: the folder of these frames; None if it does not exist.
        report: the downloaded report, a JSON document; None if it was not downloaded.
        error, cause: the name of the error and its message, for a job that failed or was canceled.
        notices: notices about the job.
    """

    job_id: str
    status: JobStatus
    counts: FrameCounts
    seconds: float
    video: Path | None = None
    frames: tuple[Path, ...] = ()
    folder: Path | None = None
    report: Path | None = None
    error: str | None = None
    cause: str | None = None
    notices: tuple[Notice, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether the job succeeded."""
        return self.status is JobStatus.SUCCEEDED


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """How many chunks the farm has: waiting, with workers, and in the dead-letter queue; SQS counts approximately."""

    waiting: int
    in_flight: int
    dead_letters: int
