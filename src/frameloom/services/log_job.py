"""LogJob: write the job's report, on the good way, on the failed one, and of a job that was stopped from outside."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from frameloom.model import errors, keys, rounds
from frameloom.model.execution_event import Stopped
from frameloom.model.frames import FrameRange
from frameloom.model.job import Job
from frameloom.model.job_status import JobStatus
from frameloom.model.messages import ChunkResult
from frameloom.model.report import FrameCounts, JobReport, ObjectRef, Summary
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Buckets, Store

# What Step Functions' own words hide: a Map that failed says only that too many of its items did.
_MAP_FAILED = "States.ExceedToleratedFailureThreshold"
# The limits of a Fail state's Error and Cause, in characters.
MAX_ERROR, MAX_CAUSE = 256, 32_768
# Between them they name every frame that the job had to render; the last one only what of these was still missing.
_PLANS = (rounds.SCOUTS, rounds.FIRST)


def report(
    job_id: str, *, started: str, now: datetime, error: Mapping[str, str] | None, store: Store, buckets: Buckets
) -> dict[str, Any]:
    """Write the job's report and return its summary, the execution's output.

    Args:
        started: when the execution started, ISO 8601.
        error: `{"Error", "Cause"}` on the failed way, None on the good one.
    """
    status = JobStatus.SUCCEEDED if error is None else JobStatus.FAILED
    return _write(job_id, status, started=started, ended=now, error=error, store=store, buckets=buckets)


def report_stopped(stopped: Stopped, *, store: Store, buckets: Buckets) -> dict[str, Any]:
    """Write the report of a job in which no state runs any more, and return its summary; one that is there stays."""
    there = job_documents.read(store, buckets.logs, keys.report_key(stopped.job_id))
    if there is not None:
        # The event came twice, or late: the job was stopped in the moment between its report and its end.
        return JobReport.model_validate(there).summary.to_json()
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
    )
    job_documents.write(store, buckets.logs, keys.report_key(job_id), document.to_json())
    return summary.to_json()


def failure(
    error: Mapping[str, str], chunks: list[ChunkResult], segment: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """Return a failure's name and what a person can do with: the chunk's or the segment's own where the Map hides it.

    Args:
        segment: why a segment of the film failed, where one did: then it was the film's Map.
    """
    if segment is not None and error.get("Error") == _MAP_FAILED:
        error = segment
    name, cause = error.get("Error") or "States.Runtime", error.get("Cause") or ""
    failed = [chunk for chunk in chunks if chunk.error]
    if name == _MAP_FAILED and failed:
        # Only what makes the job impossible ends a Map; other chunks may have failed and been tried again.
        fatal = [chunk for chunk in failed if chunk.error in errors.names(errors.JobImpossible)]
        told = (fatal or failed)[-1]
        name, cause = told.error or name, told.cause or cause
    return name[:MAX_ERROR], _message(cause)[:MAX_CAUSE]


def _message(cause: str) -> str:
    """Return the sentence in a Lambda's cause, which is a JSON object with a stack trace."""
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
    # A chunk that two workers finished is counted once: by its frames, not by its answers.
    made = {int(frame) for chunk in chunks for frame in chunk.frame_seconds}
    if status is JobStatus.CANCELED:
        # Its chunks were never answered for: what was planned and is there was rendered.
        made |= _planned(job, store, buckets)
    film = job_documents.stitched(store, buckets, job_id) if job.films and error is None else None
    return base.model_copy(
        update={
            "scene": job.scene.key,
            "frames": _counts(job, made, store),
            "output": ObjectRef(bucket=job.outputs.bucket, key=job.outputs.prefix),
            "video": None if film is None else ObjectRef(bucket=film["bucket"], key=film["key"]),
        }
    )


def _counts(job: Job, made: set[int], store: Store) -> FrameCounts:
    total = len(job.frame_range())
    present = set(job_documents.present_frames(store, job))
    rendered = len(made & present)
    return FrameCounts(total=total, rendered=rendered, reused=len(present) - rendered, missing=total - len(present))


def _planned(job: Job, store: Store, buckets: Buckets) -> set[int]:
    """Return the frames that were not there when the job began."""
    lists = (job_documents.read(store, buckets.logs, keys.chunks_key(job.job_id, number)) for number in _PLANS)
    return {frame for chunks in lists for chunk in chunks or [] for frame in FrameRange.parse(chunk["frames"])}
