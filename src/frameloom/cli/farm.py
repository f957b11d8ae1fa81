"""`frameloom farm`: a farm on this machine that stays, and the end of one that was deployed."""

from typing import Annotated

import typer

from frameloom.cli import options
from frameloom.cli.fleet.fleet_commands import Context, Stack, Yes
from frameloom.cli.help_format import SectionedCommand, examples
from frameloom.cli.optional_deps import extra
from frameloom.cli.output import answering
from frameloom.cli.terminal import say

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


UP_EXAMPLES = examples(
    "frameloom farm up",
    "frameloom farm up --workers 2",
    "frameloom farm up --trust-scripts",
)
DELETE_EXAMPLES = examples(
    "frameloom farm delete --stack my-farm",
    "frameloom farm delete --stack my-farm --frames --yes",
)


@app.callback(invoke_without_command=True)
def farm(context: typer.Context) -> None:
    """Keep a farm running on this machine, or delete one in AWS.

    The one here is all there, as it is in AWS: any S3 and any Step Functions client can use it.
    """
    if context.invoked_subcommand is None:
        say(*context.get_help().splitlines())


@app.command(cls=SectionedCommand, epilog=UP_EXAMPLES)
def up(
    *,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="The number of workers.",
            show_default="one, and more while cores are idle",
        ),
    ] = None,
    trust_scripts: Annotated[
        bool,
        typer.Option(
            "--trust-scripts", help="Let jobs with trust_scripts run the Python in their scenes, with your rights."
        ),
    ] = False,
) -> None:
    """Run a farm until Ctrl-C, and print its addresses.

    While it runs, `frameloom render` and `frameloom status` use it, and it renders each .blend that a client uploads to
    its scenes bucket. Clients need the key that it prints. Its buckets are lost when it ends.
    """
    with answering(json=False):
        from frameloom.cli import farm_up  # noqa: PLC0415

        farm_up.run(workers=workers, trust_scripts=trust_scripts)


@app.command(cls=SectionedCommand)
def down() -> None:
    """End the farm that `frameloom farm up` runs, and wait until it is gone."""
    with answering(json=False):
        from frameloom.cli import farm_up  # noqa: PLC0415

        farm_up.end()


@app.command(cls=SectionedCommand, epilog=DELETE_EXAMPLES)
def delete(
    *,
    stack: Stack,
    context: Context = None,
    frames: Annotated[
        bool,
        typer.Option("--frames", help="The frames too, which are kept otherwise.", rich_help_panel=options.RESULTS),
    ] = False,
    yes: Yes = False,
    json: options.Json = False,
) -> None:
    """Empty and delete a farm in AWS: jobs, fleet, scenes, logs, images, queues and the stack.

    It shows what goes first, and asks for the stack's name. Frames are kept in their bucket unless --frames is
    given, then or later: within 90 days the stack's name is enough to find them. A deletion that was cut short
    goes on when it is run again.
    """
    with answering(json=json), extra("fleet"):
        from frameloom.cli.stack import delete_stack  # noqa: PLC0415

        delete_stack.run(delete_stack.Order(stack=stack, context=context, frames=frames, yes=yes), json=json)
