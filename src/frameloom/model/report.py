"""The report of a job that has ended."""

from frameloom.model.base import Value
from frameloom.model.job_status import JobStatus
from frameloom.model.messages import ChunkResult
from frameloom.model.notices import Notice


class FrameCounts(Value):
    """The numbers of a job's frames: `total` = `rendered` + `reused` + `missing`."""

    total: int = 0
    rendered: int = 0
    reused: int = 0
    missing: int = 0


class ObjectRef(Value):
    """An object in S3."""

    bucket: str
    key: str


class Summary(Value):
    """The output of an execution."""

    job_id: str
    status: JobStatus
    scene: str | None = None
    frames: FrameCounts = FrameCounts()
    output: ObjectRef | None = None
    video: ObjectRef | None = None
    report: ObjectRef
    error: str | None = None
    cause: str | None = None


class JobReport(Value):
    """The report in the log bucket: the summary, the times and the results of all chunks.

    Attributes:
        seconds: wall time.
        notices: those of the job's manifest, None for no notices.
        identity: the identity of the job's film or frames, only in the reports of an output folder.
    """

    summary: Summary
    started: str
    ended: str
    seconds: float
    workers: list[str]
    chunks: list[ChunkResult]
    notices: tuple[Notice, ...] | None = None
    identity: str | None = None
