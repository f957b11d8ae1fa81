"""The event of an execution that was stopped or timed out, in which no state runs anymore."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Self

from frameloom.model.base import Value
from frameloom.model.job_status import JobStatus, of_execution

# The defaults for an event without error and cause: both are optional for a stop, and missing for a timeout.
_DEFAULTS = {
    "ABORTED": ("Canceled", "The execution was stopped without a reason."),
    "TIMED_OUT": ("States.Timeout", "The execution exceeded the timeout of its state machine."),
}


class StoppedExecution(Value):
    """A job that was canceled, or timed out as a whole."""

    job_id: str
    status: JobStatus
    started: datetime
    ended: datetime
    error: str
    cause: str

    @classmethod
    def of_event(cls, detail: Mapping[str, Any]) -> Self:
        """Read the detail of a `Step Functions Execution Status Change` event; its times are in milliseconds."""
        error, cause = _DEFAULTS[detail["status"]]
        return cls(
            job_id=detail["name"],
            status=of_execution(detail["status"]),
            started=_time(detail["startDate"]),
            ended=_time(detail["stopDate"]),
            error=detail.get("error") or error,
            cause=detail.get("cause") or cause,
        )


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
