"""Recognizes skipped executions: the event of an upload starts one even if the uploader starts the job itself."""

from frameloom.model.errors import InvalidRequest
from frameloom.model.job_status import JobStatus
from frameloom.model.request import START, START_NO, is_upload, parse_request
from frameloom.services.storage.ports import Buckets, Execution, Executions, Store


def is_skipped(listed: Execution, *, executions: Executions, store: Store, buckets: Buckets) -> bool:
    """Return whether an execution without a manifest has ended as skipped, or will end as skipped."""
    if listed.status in (JobStatus.FAILED, JobStatus.CANCELED):
        return False
    # ListExecutions returns neither input nor output.
    execution = executions.describe(listed.job_id)
    if execution is None:
        return False
    if execution.status.ended:
        return isinstance(execution.output, dict) and "skipped" in execution.output
    if not is_upload(execution.input):
        return False
    try:
        key = parse_request(execution.input).file
    except InvalidRequest:
        return False
    scene = store.head(buckets.scenes, key)
    return scene is not None and scene.metadata.get(START) == START_NO
