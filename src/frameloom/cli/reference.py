"""`python -m frameloom.cli.reference`: writes docs/cli.md from the help of every command."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from frameloom.cli.app import NAME, app
from frameloom.cli.terminal import warn

DOCUMENT = Path("docs", "cli.md")

_WIDTH = 100
_HEAD = """# The command line

`python -m frameloom.cli.reference --write` writes this page from the help of the commands.

Exit codes: 0 done, 1 the job or the farm failed, 2 the request was refused and nothing was started, 130 interrupted.
Progress and errors go to stderr, results to stdout. Only terminals get colours; `NO_COLOR` turns them off.
"""


def reference() -> str:
    """Return the document."""
    return "\n".join([_HEAD, *_sections(typer.main.get_command(app), NAME, None)])


def _sections(command: Any, path: str, parent: Any) -> Iterator[str]:
    """Yield a section for a command and each one below it."""
    width = {"terminal_width": _WIDTH, "max_content_width": _WIDTH}
    context = command.context_class(command, info_name=command.name, parent=parent, **width, **command.context_settings)
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield f"## `{path}`\n\n```text\n{text}\n```\n"
    for name, below in getattr(command, "commands", {}).items():
        if not below.hidden:
            yield from _sections(below, f"{path} {name}", context)


def main() -> int:
    """Write the document, or check whether it is up to date."""
    parser = argparse.ArgumentParser(prog="python -m frameloom.cli.reference", description="Document the commands.")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help=f"write {DOCUMENT}")
    action.add_argument("--check", action="store_true", help=f"fail if {DOCUMENT} is not up to date")
    if parser.parse_args().write:
        DOCUMENT.write_text(reference(), encoding="utf-8")
    elif not DOCUMENT.is_file() or DOCUMENT.read_text(encoding="utf-8") != reference():
        warn(f"{DOCUMENT} is not up to date: run `python -m frameloom.cli.reference --write`.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
