"""`frameloom status`: the queue and the newest jobs, or one job."""

from typing import Annotated

import typer

from frameloom.cli import options
from frameloom.cli.help_format import examples
from frameloom.cli.output import answering

EXAMPLES = examples(
    "frameloom status",
    "frameloom status --stack my-farm --limit 50",
    "frameloom status shot-20261123-101500-a1b2c3 --json",
)


def status(
    job: Annotated[
        str | None,
        typer.Argument(metavar="JOB", help="The id of a job, or its first characters.  [default: the newest jobs]"),
    ] = None,
    *,
    local: options.Local = False,
    stack: options.StackName = None,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="The number of jobs.", rich_help_panel=options.OTHER)
    ] = 10,
    json: options.Json = False,
) -> None:
    """Show the queue and the newest jobs, or one job.

    On this machine it shows the farm that `frameloom farm up` runs. With --stack it also shows why workers do not
    start while chunks wait for them.
    """
    with answering(json=json):
        from frameloom.cli import status_view  # noqa: PLC0415
        from frameloom.cli.select_farm import running_farm  # noqa: PLC0415

        farm = running_farm(stack=stack, local=local)
        if job is None:
            status_view.show_farm(farm, limit=limit, json=json, stack=stack)
        else:
            status_view.show_job(farm.job(job).status(), json=json)
