"""The command `frameloom`: its subcommands, and one sentence for an invalid command line."""

import io
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from frameloom import __version__
from frameloom.cli import blender_commands, cancel, check, estimate, farm, fetch, logs, render, retry, sequence, status
from frameloom.cli.fleet import fleet_commands
from frameloom.cli.help_format import SectionedCommand, examples
from frameloom.cli.output import REFUSED, tell_error
from frameloom.cli.stack import stack_commands
from frameloom.cli.terminal import say

NAME = "frameloom"

app = typer.Typer(
    name=NAME,
    # Typer's rich help takes three times as long to import as the rest of `--help`.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog=examples("frameloom render shot.blend --frames 1-100", "frameloom render --help"),
)


def _show_version(asked: bool) -> None:  # noqa: FBT001  typer calls it with the option's value
    if asked:
        say(f"{NAME} {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001  its callback prints it
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Render Blender scenes on many workers, on this machine or in AWS."""
    if context.invoked_subcommand is None:
        say(*context.get_help().splitlines())


app.command(cls=SectionedCommand, epilog=render.EXAMPLES)(render.render)
app.command(cls=SectionedCommand, epilog=sequence.EXAMPLES)(sequence.sequence)
app.command(cls=SectionedCommand, epilog=check.EXAMPLES)(check.check)
app.command(cls=SectionedCommand, epilog=estimate.EXAMPLES)(estimate.estimate)
app.command(cls=SectionedCommand, epilog=status.EXAMPLES)(status.status)
app.command(cls=SectionedCommand, epilog=logs.EXAMPLES)(logs.logs)
app.command(cls=SectionedCommand, epilog=fetch.EXAMPLES)(fetch.fetch)
app.command(cls=SectionedCommand, epilog=cancel.EXAMPLES)(cancel.cancel)
app.command(cls=SectionedCommand, epilog=retry.EXAMPLES)(retry.retry)
app.add_typer(farm.app, name="farm")
app.add_typer(blender_commands.app, name="blender")
app.add_typer(stack_commands.app, name="stack")
app.add_typer(fleet_commands.app, name="fleet")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 the job or the farm failed, 2 refused, 130 interrupted."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A path may have characters that the terminal cannot show, or bytes that are not text.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return app(words, prog_name=NAME, standalone_mode=False) or 0
    except TyperException as error:
        tell_error("UsageError", error.format_message(), json="--json" in words)
        return REFUSED
