"""`frameloom farm`: a farm on this machine that stays."""

from typing import Annotated

import typer

from frameloom.cli.answers import answering
from frameloom.cli.sections import SectionedCommand, examples

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


UP_EXAMPLES = examples(
    "frameloom farm up",
    "frameloom farm up --workers 2",
)


@app.callback(invoke_without_command=True)
def farm(context: typer.Context) -> None:
    """Keep a farm running on this machine.

    It is all there, as it is in AWS: any S3 and any Step Functions client can use it.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(cls=SectionedCommand, epilog=UP_EXAMPLES)
def up(
    *,
    workers: Annotated[int, typer.Option(metavar="N", min=0, help="How many workers it has.")] = 1,
) -> None:
    """Run a farm until Ctrl-C, and say how it is reached.

    While it runs, `frameloom render` and `frameloom status` use it, and a .blend that any client uploads to
    its scenes bucket is rendered. What is in its buckets goes with it.
    """
    with answering(json=False):
        from frameloom.cli import foreground  # noqa: PLC0415

        foreground.run(workers=workers)


@app.command(cls=SectionedCommand)
def down() -> None:
    """End the farm that `frameloom farm up` runs, and wait until it is gone."""
    with answering(json=False):
        from frameloom.cli import foreground  # noqa: PLC0415

        foreground.end()
