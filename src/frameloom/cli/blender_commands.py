"""`frameloom blender`: the Blenders of this machine."""

from typing import Annotated

import typer

from frameloom.cli import options
from frameloom.cli.help_format import SectionedCommand, examples
from frameloom.cli.output import answering, tell_json
from frameloom.cli.terminal import say, warn

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)

ADD_EXAMPLES = examples("frameloom blender add 5.0")
LIST_EXAMPLES = examples("frameloom blender list", "frameloom blender list --json")
REMOVE_EXAMPLES = examples("frameloom blender remove 5.0")

Version = Annotated[str, typer.Argument(metavar="VERSION", help="A series, such as 5.0, or a full version.")]


@app.callback(invoke_without_command=True)
def blender(context: typer.Context) -> None:
    """List, add and remove the Blenders of this machine.

    A farm on this machine renders with all of them: each job with the version that saved its scene, or with the
    nearest newer LTS, or with the version that the request names.
    """
    if context.invoked_subcommand is None:
        say(*context.get_help().splitlines())


@app.command(cls=SectionedCommand, epilog=ADD_EXAMPLES)
def add(version: Version) -> None:
    """Download and install a Blender, unless it is installed.

    It takes 800 MB below ~/.local/share/frameloom, or in the folder that FRAMELOOM_BLENDERS names. A farm that
    `frameloom farm up` runs uses it after `frameloom farm down` and another `frameloom farm up`.
    """
    with answering(json=False):
        from frameloom.local.blender_packages import add_blender, find_installed  # noqa: PLC0415

        present = find_installed(version)
        found = present or add_blender(version, warn)
        say(f"Blender {found.version} is installed{' already' if present else ''}.")


@app.command("list", cls=SectionedCommand, epilog=LIST_EXAMPLES)
def list_(*, json: options.Json = False) -> None:
    """List the installed Blenders, and further versions to add."""
    with answering(json=json):
        from frameloom.local.blender_packages import available_blenders  # noqa: PLC0415
        from frameloom.services.system.installed_blenders import installed_blenders  # noqa: PLC0415

        installed = installed_blenders()
        others = [version for version in available_blenders() if version not in {each.version for each in installed}]
        if json:
            found = [
                {
                    "version": each.version,
                    "folder": None if each.folder is None else str(each.folder),
                    "removable": each.folder is not None,
                }
                for each in installed
            ]
            tell_json({"installed": found, "available": others})
            return
        for each in installed:
            say(f"{each.version:<8} {each.folder or 'in the Python environment'}")
        for version in others:
            say(f"{version:<8} not installed: `frameloom blender add {version}`")


@app.command(cls=SectionedCommand, epilog=REMOVE_EXAMPLES)
def remove(version: Version) -> None:
    """Delete a Blender that was added.

    The Blender of the Python environment stays. A running job of the removed version fails.
    """
    with answering(json=False):
        from frameloom.local.blender_packages import remove_blender  # noqa: PLC0415

        say(f"Blender {remove_blender(version).version} was removed.")
