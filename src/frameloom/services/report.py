"""LogJob: write the job's report, on the good and on the failed way."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from frameloom.model import errors, keys
from frameloom.model.job import Job
from frameloom.model.messages import ChunkResult
from frameloom.model.report import FrameCounts, JobReport, ObjectRef, Summary
from frameloom.model.status import JobStatus
from frameloom.services import documents
from frameloom.services.ports import Buckets, Store

# What Step Functions' own words hide: a Map that failed says only that too many of its items did.
_MAP_FAILED = "States.ExceedToleratedFailureThreshold"
# The limits of a Fail state's Error and Cause, in characters.
MAX_ERROR, MAX_CAUSE = 256, 32_768


def report(
    job_id: str, *, started: str, now: datetime, error: Mapping[str, str] | None, store: Store, buckets: Buckets
) -> dict[str, Any]:
    """Write the job's report and return its summary, the execution's output.

    Args:
        started: when the execution started, ISO 8601.
        error: `{"Error", "Cause"}` on the failed way, None on the good one.
    """
    job = documents.find_job(store, buckets, job_id)
    chunks = list(documents.chunk_results(store, buckets, job_id))
    summary = _summary(job_id, job, chunks, error, store=store, buckets=buckets)
    document = JobReport(
        summary=summary,
        started=started,
        ended=now.isoformat(),
        seconds=round((now - datetime.fromisoformat(started)).total_seconds(), 3),
        workers=sorted({chunk.worker for chunk in chunks if chunk.worker}),
        chunks=chunks,
    )
    documents.write(store, buckets.logs, keys.report_key(job_id), document.to_json())
    return summary.to_json()


def failure(error: Mapping[str, str], chunks: list[ChunkResult]) -> tuple[str, str]:
    """Return a failure's name and what a person can do with: the chunk's own where the Map hides it."""
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
    job: Job | None,
    chunks: list[ChunkResult],
    error: Mapping[str, str] | None,
    *,
    store: Store,
    buckets: Buckets,
) -> Summary:
    name, cause = (None, None) if error is None else failure(error, chunks)
    base = Summary(
        job_id=job_id,
        status=JobStatus.SUCCEEDED if error is None else JobStatus.FAILED,
        report=ObjectRef(bucket=buckets.logs, key=keys.report_key(job_id)),
        error=name,
        cause=cause,
    )
    if job is None:
        return base
    video = ObjectRef(bucket=job.scene.bucket, key=keys.video_key(job.scene.key))
    return base.model_copy(
        update={
            "scene": job.scene.key,
            "frames": _counts(job, chunks, store),
            "output": ObjectRef(bucket=job.outputs.bucket, key=job.outputs.prefix),
            "video": video if job.films and error is None else None,
        }
    )


def _counts(job: Job, chunks: list[ChunkResult], store: Store) -> FrameCounts:
    total = len(job.frame_range())
    present = set(documents.present_frames(store, job))
    # A chunk that two workers finished is counted once: by its frames, not by its answers.
    made = {int(frame) for chunk in chunks for frame in chunk.frame_seconds}
    rendered = len(made & present)
    return FrameCounts(total=total, rendered=rendered, reused=len(present) - rendered, missing=total - len(present))
