"""`frameloom fetch`: follow a job that was started elsewhere, and download its results."""

from pathlib import Path

from frameloom.cli import options
from frameloom.cli.help_format import examples
from frameloom.cli.output import answering

EXAMPLES = examples(
    "frameloom fetch shot-20261123-101500-a1b2c3",
    "frameloom fetch shot-20261123-101500-a1b2c3 --out renders --stack my-farm",
)


def fetch(
    job: options.Job,
    *,
    out: options.Out = Path(),
    local: options.Local = False,
    stack: options.StackName = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Follow a job to its end, and fetch its frames, video and report.

    The files are named as those of `frameloom render`. Frames are fetched as soon as they are rendered, and not fetched
    again if they exist. The job may have been started by `frameloom render --detach`, by an upload or by another
    client, and it may have ended. Ctrl-C does not stop the job.
    """
    with answering(json=json):
        from frameloom.cli import fetch_job  # noqa: PLC0415

        fetch_job.run(job, out=out, local=local, stack=stack, json=json, quiet=quiet)
