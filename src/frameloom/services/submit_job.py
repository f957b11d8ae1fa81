"""submit_job: starts one job for equal requests; a repeated request returns the job's status."""

from typing import Any

from frameloom.model import keys
from frameloom.model.errors import SceneNotFound
from frameloom.model.request import parse_request
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Buckets, Execution, Executions, Store


def submit(event: object, *, store: Store, executions: Executions, buckets: Buckets) -> dict[str, Any]:
    """Start the job of a request, or describe the job that an equal request has started.

    The job's id is a hash of the request and the scene's version, so an edited scene starts another job, and so does
    the same request with another `run`.

    Raises:
        InvalidRequest: a field of the request is wrong.
        SceneNotFound: the scenes bucket does not have the scene.
    """
    request = parse_request(event)
    scene = store.head(buckets.scenes, request.file)
    if scene is None:
        raise SceneNotFound(bucket=buckets.scenes, key=request.file)
    document = request.to_json()
    job_id = keys.submitted_job_id(document, scene.version or scene.etag)
    started = executions.start(job_id, document)
    execution = executions.describe(job_id)
    return {"job_id": job_id, "started": started} | (
        {} if execution is None else describe(execution, store=store, buckets=buckets)
    )


def describe(execution: Execution, *, store: Store, buckets: Buckets) -> dict[str, Any]:
    """Return the status of a job, its finished and total frames, its notices, and the error of a job that failed.

    A job that waits for a task of the whole scene has `task` instead of frames.
    """
    facts: dict[str, Any] = {"job_id": execution.job_id, "status": str(execution.status)}
    facts |= {name: value for name in ("error", "cause") if (value := getattr(execution, name)) is not None}
    if isinstance(execution.output, dict):
        facts |= {name: execution.output[name] for name in ("video", "report") if name in execution.output}
    elif execution.status.ended and store.head(buckets.logs, keys.report_key(execution.job_id)) is not None:
        # The execution of a job that failed or was stopped has no output.
        facts["report"] = {"bucket": buckets.logs, "key": keys.report_key(execution.job_id)}
    job = job_documents.find_job(store, buckets, execution.job_id)
    if job is not None:
        done, total = len(job_documents.present_frames(store, job)), len(job.frame_range())
        facts |= {"scene": job.scene.key, "frames": {"done": done, "total": total}}
        if job.notices:
            facts["notices"] = [notice.to_json() for notice in job.notices]
    elif not execution.status.ended and (task := job_documents.waiting_task(store, buckets, execution.job_id)):
        facts["task"] = task
    return facts
