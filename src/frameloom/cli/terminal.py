"""Writes to the terminal: all output of a command goes through here, or through `frameloom.cli.console`.

Names come from scenes, buckets, stacks and clusters, and messages from other programs. Unescaped, such text could
control the terminal: escape sequences move the cursor or set the title, line breaks forge a line of the command's own
output, and bidirectional overrides reorder a name.
"""

import json as json_format
import os
import select
import sys
import unicodedata
from contextlib import suppress
from typing import Any

# Marks that join the characters of an emoji or a Persian word. Names need no other format characters.
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"


def plain(text: str) -> str:
    """Return the text with all unprintable characters written as Python escapes.

    Letters, marks, spaces and emoji of all scripts stay as they are.
    """
    return text if text.isascii() and text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs":
        return character
    return ascii(character)[1:-1]


def say(*lines: str) -> None:
    """Print lines to stdout."""
    for line in lines:
        print(plain(line), flush=True)


def warn(*lines: str) -> None:
    """Print lines to stderr."""
    for line in lines:
        print(plain(line), file=sys.stderr, flush=True)


def ask(question: str) -> str:
    """Print a question to stderr and return the line that answers it."""
    print(f"{plain(question)} ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def say_json(document: Any, *, indent: int | None = 2) -> None:
    """Print a JSON document to stdout, in ASCII, which is independent of encodings and cannot control a terminal."""
    print(json_format.dumps(document, indent=indent), flush=True)


def leave_dead_terminal() -> None:
    """Redirect output to the null device if its terminal was closed, or if the other end of its pipe was.

    Otherwise each write would raise, and could interrupt a cleanup.
    """
    for descriptor in (1, 2):
        with suppress(OSError):
            if _is_dead(descriptor):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)


def _is_dead(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    dead = select.POLLHUP | select.POLLERR | select.POLLNVAL
    return any(events & dead for _, events in poll.poll(0))
