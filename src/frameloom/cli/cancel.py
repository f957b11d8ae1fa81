"""`frameloom cancel`: stop jobs."""

from typing import Annotated

import typer

from frameloom.cli import options
from frameloom.cli.help_format import examples
from frameloom.cli.output import FAILED, answering, tell_error, tell_json
from frameloom.cli.terminal import say

EXAMPLES = examples(
    "frameloom cancel shot-20261123-101500-a1b2c3",
    "frameloom cancel shot-20261123-101500-a1b2c3 shot-20261123-110200-d4e5f6 --stack my-farm",
    'frameloom cancel shot-20261123-101500-a1b2c3 --reason "wrong camera"',
)


def cancel(
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help="Ids of jobs, or their first characters.")],
    *,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="The reason; it is stored with the job.", rich_help_panel=options.OTHER)
    ] = "Canceled at the command line.",
    local: options.Local = False,
    stack: options.StackName = None,
    json: options.Json = False,
) -> None:
    """Cancel jobs.

    Their workers stop within half a minute, and their waiting chunks are dropped. Finished frames stay: `frameloom
    retry` renders the missing ones. The job's report follows within seconds. Other jobs continue. A job that has ended
    keeps its status, and the exit code is then 1.
    """
    with answering(json=json):
        from frameloom.cli.select_farm import running_farm  # noqa: PLC0415
        from frameloom.model.job_status import JobStatus  # noqa: PLC0415

        farm = running_farm(stack=stack, local=local)
        # Find all jobs before canceling the first.
        found = {job.id: job for job in map(farm.job, jobs)}
        ended = [(job, job.cancel(reason)) for job in found.values()]
        if json:
            tell_json(
                [{"job_id": job.id, "status": str(status), "report": job.report.to_json()} for job, status in ended]
            )
        for job, status in ended:
            if status is not JobStatus.CANCELED:
                tell_error("Ended", f"Job {job.id} has ended before: it {status}.", json=False)
            elif not json:
                say(f"Job {job.id} is canceled. Its report: s3://{job.report.bucket}/{job.report.key}")
        if any(status is not JobStatus.CANCELED for _, status in ended):
            raise typer.Exit(FAILED)
