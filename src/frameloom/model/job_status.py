"""The five words for how a job stands; nothing else in the farm has words of its own."""

from enum import StrEnum


class JobStatus(StrEnum):
    """How a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
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
    """Return the status that Step Functions' word for an execution's stands for."""
    return _EXECUTION[status]
