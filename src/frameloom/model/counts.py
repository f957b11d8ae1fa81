"""Formats counts and lists of names for messages."""

from collections.abc import Iterable

# More names, or longer ones, make a message unreadable and may exceed the limit of an execution's error.
_MAX_NAMES, _MAX_NAME = 20, 120


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is one: `1 frame`, `1,000 frames`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Iterable[str]) -> str:
    """Return the first 20 names, each cut to 120 characters, and the number of the others."""
    short = [name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 3]}..." for name in names]
    more = f" and {len(short) - _MAX_NAMES:,} more" if len(short) > _MAX_NAMES else ""
    return ", ".join(short[:_MAX_NAMES]) + more
