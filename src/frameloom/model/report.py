"""What is said of a job when it has ended."""

from frameloom.model.base import Value
from frameloom.model.job_status import JobStatus
from frameloom.model.messages import ChunkResult


class FrameCounts(Value):
    """How a job's frames ended: `total` = `rendered` + `reused` + `missing`."""

    total: int = 0
    rendered: int = 0
    reused: int = 0
    missing: int = 0


class ObjectRef(Value):
    """An object in S3."""

    bucket: str
    key: str


class Summary(Value):
    """An execution's output: a job in a few lines."""

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
    """The report in the log bucket: the summary, and where the time went; seconds of wall time.

    `identity` is the identity of the job's film or frames; only reports in an output folder have it.
    """

    summary: Summary
    started: str
    ended: str
    seconds: float
    workers: list[str]
    chunks: list[ChunkResult]
    identity: str | None = None
