"""A question before a deletion."""

import sys

from frameloom.cli.terminal import ask
from frameloom.model.errors import InvalidRequest


def check_askable(*, yes: bool) -> None:
    """Check that the user can be asked, or does not need to be.

    Raises:
        InvalidRequest: stdin is not a terminal, and --yes is not given.
    """
    if not yes and not sys.stdin.isatty():
        raise InvalidRequest(field="--yes", problem="is required without a terminal, where this command cannot ask")


def confirm(question: str, *, answer: str, yes: bool) -> None:
    """Ask once, unless --yes is given.

    Raises:
        InvalidRequest: the user gave another answer, and nothing was deleted.
    """
    if yes:
        return
    given = ask(question)
    if given != answer:
        raise InvalidRequest(field="the answer", problem=f"was not {answer!r}, so nothing was deleted")
