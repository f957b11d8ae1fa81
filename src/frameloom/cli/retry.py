"""`frameloom retry`: start a job again that failed or was canceled."""

import secrets
from datetime import UTC, datetime

from frameloom.cli import options
from frameloom.cli.help_format import examples
from frameloom.cli.output import answering, tell_json
from frameloom.cli.terminal import say
from frameloom.client.find_job import known_job
from frameloom.model import keys
from frameloom.model.errors import InvalidRequest
from frameloom.model.job_status import JobStatus
from frameloom.model.request import parse_request
from frameloom.services.storage.ports import Execution

EXAMPLES = examples(
    "frameloom retry shot-20261123-101500-a1b2c3",
    "frameloom retry shot-20261123-101500-a1b2c3 --stack my-farm --json",
)

_RETRIED = (JobStatus.FAILED, JobStatus.CANCELED)


def retry(
    job: options.Job,
    *,
    local: options.Local = False,
    stack: options.StackName = None,
    json: options.Json = False,
) -> None:
    """Start a job again that failed or was canceled.

    That is a new job of the same request, which renders only what is missing; a scene that was uploaded anew since is
    rendered as it is now, all of it. A job that runs or has succeeded is refused. It does not wait for the new job,
    whose id it prints.
    """
    with answering(json=json):
        from frameloom.client.connect import find_farm  # noqa: PLC0415

        executions = find_farm(stack=stack, local=local).executions
        before = _retried(known_job(executions, job))
        # Refused here as it was there, where no other start would help.
        scene = parse_request(before.input).file
        again = keys.new_job_id(scene, datetime.now(UTC), secrets.token_hex(3))
        executions.start(again, before.input)
        if json:
            tell_json({"job_id": again, "retries": before.job_id})
        else:
            say(f"Job {again} renders what job {before.job_id} left.")


def _retried(execution: Execution) -> Execution:
    job = execution.job_id
    if not execution.status.ended:
        raise InvalidRequest(field="JOB", problem=f"job {job} has not ended; `frameloom cancel` ends it")
    if execution.status not in _RETRIED:
        raise InvalidRequest(field="JOB", problem=f"job {job} has {execution.status}: it left nothing to render")
    return execution
