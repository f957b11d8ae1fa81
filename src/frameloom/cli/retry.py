"""`frameloom retry`: render the missing frames of a job that failed or was canceled."""

from frameloom.cli import options
from frameloom.cli.help_format import examples
from frameloom.cli.output import answering, tell_json
from frameloom.cli.terminal import say

EXAMPLES = examples(
    "frameloom retry shot-20261123-101500-a1b2c3",
    "frameloom retry shot-20261123-101500-a1b2c3 --stack my-farm --json",
)


def retry(
    job: options.Job,
    *,
    local: options.Local = False,
    stack: options.StackName = None,
    json: options.Json = False,
) -> None:
    """Render the missing frames of a job that failed or was canceled.

    Starts a new job with the same request, prints its id, and does not wait for it. If the scene was uploaded again
    since, all its frames are rendered. A job that runs or has succeeded is refused.
    """
    with answering(json=json):
        from frameloom.cli.select_farm import running_farm  # noqa: PLC0415

        before = running_farm(stack=stack, local=local).job(job)
        again = before.retry()
        if json:
            tell_json({"job_id": again.id, "retries": before.id})
        else:
            say(f"Job {again.id} renders the missing frames of job {before.id}.")
