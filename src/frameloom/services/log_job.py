"""LogJob: writes the report of a job that succeeded, failed, or was stopped from outside."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from frameloom.model import errors, keys, rounds
from frameloom.model.execution_event import StoppedExecution
from frameloom.model.frames import FrameRange
from frameloom.model.job import Job
from frameloom.model.job_status import JobStatus
from frameloom.model.messages import ChunkResult
from frameloom.model.report import FrameCounts, JobReport, ObjectRef, Summary
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Buckets, Store

# The error of a failed Map, which does not contain the errors of its items.
_MAP_FAILED = "States.ExceedToleratedFailureThreshold"
# The limits of a Fail state's Error and Cause, in characters.
MAX_ERROR, MAX_CAUSE = 256, 32_768
# The rounds whose chunks hold all frames that the job had to render; the last round has only a part of these.
_PLANS = (rounds.SCOUTS, rounds.FIRST)


def write_report(
    job_id: str, *, started: str, now: datetime, error: Mapping[str, str] | None, store: Store, buckets: Buckets
) -> dict[str, Any]:
    """Write the job's report and return its summary, the execution's output.

    Args:
        started: the start of the execution, ISO 8601.
        error: `{"Error", "Cause"}` of a job that failed, None for a job that succeeded.
    """
    status = JobStatus.SUCCEEDED if error is None else JobStatus.FAILED
    return _write(job_id, status, started=started, ended=now, error=error, store=store, buckets=buckets)


def write_stopped_report(stopped: StoppedExecution, *, store: Store, buckets: Buckets) -> dict[str, Any]:
    """Write the report of a stopped job, unless the job has one, and return its summary."""
    existing = job_documents.read(store, buckets.logs, keys.report_key(stopped.job_id))
    if existing is not None:
        # The event was delivered twice, or the job was stopped between its report and its end.
        return JobReport.model_validate(existing).summary.to_json()
    return _write(
        stopped.job_id,
        stopped.status,
        started=stopped.started.isoformat(),
        ended=stopped.ended,
        error={"Error": stopped.error, "Cause": stopped.cause},
        store=store,
        buckets=buckets,
    )


def _write(
    job_id: str,
    status: JobStatus,
    *,
    started: str,
    ended: datetime,
    error: Mapping[str, str] | None,
    store: Store,
    buckets: Buckets,
) -> dict[str, Any]:
    job = job_documents.find_job(store, buckets, job_id)
    chunks = list(job_documents.chunk_results(store, buckets, job_id))
    summary = _summary(job_id, status, job, chunks, error, store=store, buckets=buckets)
    document = JobReport(
        summary=summary,
        started=started,
        ended=ended.isoformat(),
        seconds=round((ended - datetime.fromisoformat(started)).total_seconds(), 3),
        workers=sorted({chunk.worker for chunk in chunks if chunk.worker}),
        chunks=chunks,
        notices=None if job is None else job.notices,
    )
    job_documents.write(store, buckets.logs, keys.report_key(job_id), document.to_json())
    return summary.to_json()


def failure(
    error: Mapping[str, str], chunks: list[ChunkResult], segment: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """Return the error and the cause of a failed job; for a failed Map, those of a chunk or a segment.

    Args:
        segment: the error of a failed segment; the failed Map is then that of the segments.
    """
    if segment is not None and error.get("Error") == _MAP_FAILED:
        error = segment
    name, cause = error.get("Error") or "States.Runtime", error.get("Cause") or ""
    failed = [chunk for chunk in chunks if chunk.error]
    if name == _MAP_FAILED and failed:
        # Only JobImpossible ends a Map. The other chunks may have failed and been retried.
        fatal = [chunk for chunk in failed if chunk.error in errors.names(errors.JobImpossible)]
        last = (fatal or failed)[-1]
        name, cause = last.error or name, last.cause or cause
    return name[:MAX_ERROR], _message(cause)[:MAX_CAUSE]


def _message(cause: str) -> str:
    """Return the message in the cause of a Lambda, a JSON object with a stack trace."""
    try:
        document = json.loads(cause)
    except ValueError:
        return cause
    return str(document.get("errorMessage", cause)) if isinstance(document, dict) else cause


def _summary(
    job_id: str,
    status: JobStatus,
    job: Job | None,
    chunks: list[ChunkResult],
    error: Mapping[str, str] | None,
    *,
    store: Store,
    buckets: Buckets,
) -> Summary:
    name, cause = (None, None)
    if error is not None:
        name, cause = failure(error, chunks, job_documents.segment_failure(store, buckets, job_id))
    base = Summary(
        job_id=job_id,
        status=status,
        report=ObjectRef(bucket=buckets.logs, key=keys.report_key(job_id)),
        error=name,
        cause=cause,
    )
    if job is None:
        return base
    # Count frames, not results: two workers may have finished the same chunk.
    rendered = {int(frame) for chunk in chunks for frame in chunk.frame_seconds}
    if status is JobStatus.CANCELED:
        # Its last chunks have no result, so each planned frame that exists counts as rendered.
        rendered |= _planned(job, store, buckets)
    film = job_documents.stitched(store, buckets, job_id) if job.makes_film and error is None else None
    return base.model_copy(
        update={
            "scene": job.scene.key,
            "frames": _counts(job, rendered, store),
            "output": ObjectRef(bucket=job.outputs.bucket, key=job.outputs.prefix),
            "video": None if film is None else ObjectRef(bucket=film["bucket"], key=film["key"]),
        }
    )


def _counts(job: Job, rendered: set[int], store: Store) -> FrameCounts:
    total = len(job.frame_range())
    present = set(job_documents.present_frames(store, job))
    made = len(rendered & present)
    return FrameCounts(total=total, rendered=made, reused=len(present) - made, missing=total - len(present))


def _planned(job: Job, store: Store, buckets: Buckets) -> set[int]:
    """Return the frames that were missing when the job started."""
    lists = (job_documents.read(store, buckets.logs, keys.chunks_key(job.job_id, number)) for number in _PLANS)
    return {frame for chunks in lists for chunk in chunks or [] for frame in FrameRange.parse(chunk["frames"])}
