"""`frameloom cancel`: stop jobs."""

from typing import Annotated, Any

import typer

from frameloom.cli import options
from frameloom.cli.help_format import examples
from frameloom.cli.output import FAILED, answering, tell_error, tell_json
from frameloom.cli.terminal import say
from frameloom.client.find_job import known_job
from frameloom.model import keys
from frameloom.model.job_status import JobStatus

EXAMPLES = examples(
    "frameloom cancel shot-20261123-101500-a1b2c3",
    "frameloom cancel shot-20261123-101500-a1b2c3 shot-20261123-110200-d4e5f6 --stack my-farm",
    'frameloom cancel shot-20261123-101500-a1b2c3 --reason "wrong camera"',
)


def cancel(
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help="Ids of jobs, or their first characters.")],
    *,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why; the job shows it.", rich_help_panel=options.OTHER)
    ] = "Canceled at the command line.",
    local: options.Local = False,
    stack: options.StackName = None,
    json: options.Json = False,
) -> None:
    """Cancel jobs: their workers stop within half a minute, and what waits in the queue is dropped.

    Finished frames stay, and a job that is started again renders only what is missing. A moment later its report says
    how far it came. Other jobs go on. A job that has ended stays as it is; the exit code is 1 where one was not to be
    canceled any more.
    """
    with answering(json=json):
        from frameloom.client.connect import find_farm  # noqa: PLC0415

        farm = find_farm(stack=stack, local=local)
        executions = farm.executions
        # Find all jobs before stopping the first.
        found = [known_job(executions, name).job_id for name in jobs]
        ended = {}
        for job in dict.fromkeys(found):
            executions.stop(job, reason=reason)
            after = executions.describe(job)
            ended[job] = JobStatus.CANCELED if after is None else after.status
        if json:
            tell_json([_as_json(job, status, farm.buckets.logs) for job, status in ended.items()])
        for job, status in ended.items():
            if status is not JobStatus.CANCELED:
                tell_error("Ended", f"Job {job} has ended before: it {status}.", json=False)
            elif not json:
                say(f"Job {job} is canceled. Its report: s3://{farm.buckets.logs}/{keys.report_key(job)}")
        if any(status is not JobStatus.CANCELED for status in ended.values()):
            raise typer.Exit(FAILED)


def _as_json(job: str, status: JobStatus, bucket: str) -> dict[str, Any]:
    return {"job_id": job, "status": str(status), "report": {"bucket": bucket, "key": keys.report_key(job)}}
