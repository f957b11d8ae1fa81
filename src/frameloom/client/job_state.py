"""The status and the result of a job, from its execution and its documents in the log bucket."""

from typing import Any

from frameloom.client.connect import Connection
from frameloom.client.job_result import JobInfo, JobResult
from frameloom.model.errors import InvalidRequest
from frameloom.model.job_status import JobStatus
from frameloom.model.notices import Notice
from frameloom.model.report import FrameCounts, JobReport, ObjectRef
from frameloom.services.follow_job import Snapshot
from frameloom.services.storage.ports import Execution
from frameloom.services.submit_job import describe


def job_info(execution: Execution, farm: Connection) -> JobInfo:
    """Return the status of a job."""
    facts = describe(execution, store=farm.store, buckets=farm.buckets)
    frames, video, report = (facts.get(name) for name in ("frames", "video", "report"))
    return JobInfo(
        job_id=execution.job_id,
        status=execution.status,
        started=execution.started,
        ended=execution.ended,
        scene=facts.get("scene"),
        task=facts.get("task"),
        done=None if frames is None else frames["done"],
        total=None if frames is None else frames["total"],
        error=execution.error,
        cause=execution.cause,
        video=None if video is None else ObjectRef(**video),
        report=None if report is None else ObjectRef(**report),
        notices=tuple(Notice.read(notice) for notice in facts.get("notices", ())),
    )


def check_has_results(execution: Execution) -> None:
    """Check that an ended execution without a manifest is a job that failed.

    Raises:
        InvalidRequest: the execution is an upload that started no job, or its documents have expired.
    """
    if execution.status is JobStatus.SUCCEEDED:
        output = execution.output if isinstance(execution.output, dict) else {}
        reason = output.get("skipped", "its manifest is no longer in the log bucket")
        raise InvalidRequest(field="job", problem=f"{execution.job_id} has no results to fetch: {reason}")


def result_of(snapshot: Snapshot, report: dict[str, Any] | None, *, seconds: float) -> JobResult:
    """Return how a job ended, without paths on this machine.

    Args:
        snapshot: the last one of the job.
        report: the job's report; None if it does not exist.
    """
    execution = snapshot.execution
    summary = None if report is None else JobReport.model_validate(report).summary
    error, cause = execution.error, execution.cause
    if execution.status is JobStatus.CANCELED:
        error = "Canceled"
        cause = f"Job {execution.job_id} was canceled: {execution.cause or 'no reason was given'}"
    elif execution.status is JobStatus.FAILED:
        if summary is not None:
            error, cause = summary.error, summary.cause
        error = error or "Failed"
    return JobResult(
        job_id=execution.job_id,
        status=execution.status,
        counts=_counts(snapshot) if summary is None else summary.frames,
        seconds=seconds,
        error=error,
        cause=cause,
        notices=() if snapshot.job is None else snapshot.job.notices or (),
    )


def _counts(snapshot: Snapshot) -> FrameCounts:
    """Return the known counts of a job without a report."""
    total, reused = snapshot.total or 0, snapshot.reused or 0
    return FrameCounts(total=total, rendered=snapshot.done - reused, reused=reused, missing=total - snapshot.done)
