"""What Step Functions tells of an execution that was ended from outside, in which no state runs any more."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Self

from frameloom.model.base import Value
from frameloom.model.job_status import JobStatus, of_execution

# Who stops an execution need not say why, and a time-out says nothing.
_UNSAID = {
    "ABORTED": ("Canceled", "The execution was stopped, and nobody said why."),
    "TIMED_OUT": ("States.Timeout", "The execution took longer than its state machine may."),
}


class Stopped(Value):
    """A job that was canceled, or timed out as a whole."""

    job_id: str
    status: JobStatus
    started: datetime
    ended: datetime
    error: str
    cause: str

    @classmethod
    def of_event(cls, detail: Mapping[str, Any]) -> Self:
        """Return what the detail of a `Step Functions Execution Status Change` says; its times are milliseconds."""
        error, cause = _UNSAID[detail["status"]]
        return cls(
            job_id=detail["name"],
            status=of_execution(detail["status"]),
            started=_moment(detail["startDate"]),
            ended=_moment(detail["stopDate"]),
            error=detail.get("error") or error,
            cause=detail.get("cause") or cause,
        )


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
