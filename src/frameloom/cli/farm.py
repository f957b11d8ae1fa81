"""`frameloom farm`: a farm on this machine that runs until it is stopped."""

from typing import Annotated

import typer

from frameloom.cli.help_format import SectionedCommand, examples
from frameloom.cli.output import REFUSED, answering, tell_error
from frameloom.cli.terminal import say

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


UP_EXAMPLES = examples(
    "frameloom farm up",
    "frameloom farm up --workers 2",
    "frameloom farm up --trust-scripts",
)


@app.callback(invoke_without_command=True)
def farm(context: typer.Context) -> None:
    """Run a farm on this machine, for as many jobs as you like.

    It has all parts of a farm in AWS: any client of S3 and of Step Functions can use it. `frameloom stack` lists and
    deletes farms in AWS.
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
            show_default="one, and more while Blender leaves cores idle",
        ),
    ] = None,
    trust_scripts: Annotated[
        bool,
        typer.Option(
            "--trust-scripts", help="Let jobs with trust_scripts run the Python in their scenes, with your rights."
        ),
    ] = False,
) -> None:
    """Run a farm until Ctrl-C, and print how to reach it.

    While it runs, `frameloom render` and `frameloom status` use it. It renders each .blend that a client uploads to its
    scenes bucket. Clients need the key that it prints. Its buckets are lost when it ends.
    """
    with answering(json=False):
        from frameloom.cli import farm_up  # noqa: PLC0415

        farm_up.run(workers=workers, trust_scripts=trust_scripts)


@app.command(cls=SectionedCommand)
def down() -> None:
    """End the farm that `frameloom farm up` runs.

    The command returns when the farm has ended.
    """
    with answering(json=False):
        from frameloom.cli import farm_up  # noqa: PLC0415

        farm_up.end()


@app.command(
    hidden=True,
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
def delete(context: typer.Context) -> None:
    """Refuse the former name of `frameloom stack delete`, whatever its options."""
    problem = "`frameloom farm delete` is now `frameloom stack delete`. Nothing was deleted."
    tell_error("UsageError", problem, json="--json" in context.args)
    raise typer.Exit(REFUSED)
