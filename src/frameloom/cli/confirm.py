"""Asks for confirmation before a deletion."""

import sys

from frameloom.cli.terminal import ask
from frameloom.model.errors import InvalidRequest


def check_askable(*, yes: bool) -> None:
    """Check that a user can confirm, or that --yes is given.

    Raises:
        InvalidRequest: --yes is missing, and standard input is not a terminal.
    """
    if not yes and not sys.stdin.isatty():
        raise InvalidRequest(
            field="--yes", problem="is required without a terminal, where the command cannot ask for confirmation"
        )


def confirm(question: str, *, answer: str, yes: bool) -> None:
    """Ask a question, unless `yes` is true.

    Raises:
        InvalidRequest: the response is not `answer`.
    """
    if yes:
        return
    given = ask(question)
    if given != answer:
        raise InvalidRequest(field="the answer", problem=f"was not {answer!r}, so nothing was deleted")
