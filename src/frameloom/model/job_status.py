"""The five statuses of a job, which the whole farm uses."""

from enum import StrEnum


class JobStatus(StrEnum):
    """The status of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def ended(self) -> bool:
        """Whether the job has reached its last status."""
        return self in (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED)


_EXECUTION = {
    "RUNNING": JobStatus.RUNNING,
    "PENDING_REDRIVE": JobStatus.RUNNING,
    "SUCCEEDED": JobStatus.SUCCEEDED,
    "FAILED": JobStatus.FAILED,
    "TIMED_OUT": JobStatus.FAILED,
    "ABORTED": JobStatus.CANCELED,
}


def of_execution(status: str) -> JobStatus:
    """Return the job status for an execution status of Step Functions."""
    return _EXECUTION[status]
