"""A question before something is deleted."""

import sys

from frameloom.cli.terminal import ask
from frameloom.model.errors import InvalidRequest


def check_askable(*, yes: bool) -> None:
    """Make sure that somebody can be asked, or need not be.

    Raises:
        InvalidRequest: neither.
    """
    if not yes and not sys.stdin.isatty():
        raise InvalidRequest(
            field="--yes", problem="is needed where nobody can be asked: without it, this asks on a terminal"
        )


def confirm(question: str, *, answer: str, yes: bool) -> None:
    """Ask until somebody has answered once.

    Raises:
        InvalidRequest: the answer was another one, and nothing was deleted.
    """
    if yes:
        return
    given = ask(question)
    if given != answer:
        raise InvalidRequest(field="the answer", problem=f"was not {answer!r}, so nothing was deleted")
