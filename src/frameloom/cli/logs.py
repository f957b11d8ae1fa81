"""`frameloom logs`: the log of a job's workers."""

from typing import Annotated

import typer

from frameloom.cli import options
from frameloom.cli.help_format import examples
from frameloom.cli.output import answering

EXAMPLES = examples(
    "frameloom logs shot-20261123-101500-a1b2c3",
    "frameloom logs shot-20261123-101500-a1b2c3 --follow --stack my-farm",
    "frameloom logs shot-20261123-101500-a1b2c3 --frame 17 --json",
)
WHICH = "Which lines"


def logs(
    job: options.Job,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Continue until the job ends.", rich_help_panel=WHICH)
    ] = False,
    frame: Annotated[
        int | None, typer.Option(metavar="N", help="Only the lines of this frame.", rich_help_panel=WHICH)
    ] = None,
    worker: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only the lines of this worker.", rich_help_panel=WHICH)
    ] = None,
    local: options.Local = False,
    stack: options.StackName = None,
    json: Annotated[
        bool, typer.Option("--json", help="Write one JSON document per line.", rich_help_panel=options.OTHER)
    ] = False,
) -> None:
    """Show the log of a job's workers, sorted by time.

    With --follow, a line that arrives late is printed late.
    """
    with answering(json=json):
        from frameloom.cli import log_view  # noqa: PLC0415
        from frameloom.cli.select_farm import running_farm  # noqa: PLC0415

        farm = running_farm(stack=stack, local=local)
        log_view.show(farm, job, follow=follow, frame=frame, worker=worker, json=json)
