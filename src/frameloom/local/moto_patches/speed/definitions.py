"""Parsed definitions of state machines, kept from execution to execution and, in a folder, from farm to farm.

A definition of a template has names in it, for which each farm has values of its own: other ARNs, another port. So it
is parsed with its names, and what is kept has them too; the values are put in wherever one is read.
"""

import hashlib
import importlib.metadata
import json
import pickle
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

from frameloom.local.user_folder import write_whole

# The name of a value in a definition; DefinitionSubstitutions gives the values.
NAME = re.compile(r"\$\{(\w+)\}")
# What a resource is decides how its state is parsed, and so cannot be filled in later.
_NAMED_RESOURCE = re.compile(r'"Resource"\s*:\s*"[^"]*\$\{')

_folder: Path | None = None
# By each definition with its values: the text with the names, and the values.
_made_of: dict[str, tuple[str, Mapping[str, str]]] = {}


def keep_in(folder: Path) -> None:
    """Keep what is parsed from here on in a folder as well, and read it from there."""
    global _folder  # noqa: PLW0603  one emulator a process
    _folder = folder


def filled_in(text: str, values: Mapping[str, Any]) -> str:
    """Return a definition with its values, and remember what it was made of."""
    given = {name: str(value) for name, value in values.items()}
    definition = _fill(text, given)
    if not _NAMED_RESOURCE.search(text):
        _made_of[definition] = text, given
    return definition


class Definitions:
    """What takes the place of moto's parser, and asks it no more than once for each definition."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self._kept = lru_cache(maxsize=64)(self._parsed)

    def parse(self, definition: str) -> tuple[Any, None]:
        """Return a program of the caller's own: a distributed Map keeps its state in it. Nobody asks for the tree."""
        text, values = _made_of.get(definition, (definition, {}))
        try:
            return _Reader(self._kept(text, _folder if values else None), values).load(), None
        except Exception:
            if not values:
                raise
        # There is a name where none can be parsed, or what was kept is of no use any more.
        return _Reader(self._kept(definition, None), {}).load(), None

    def _parsed(self, text: str, folder: Path | None) -> bytes:
        file = None if folder is None else folder / _name(text)
        if file is not None:
            with suppress(OSError):
                return file.read_bytes()
        kept = BytesIO()
        _Writer(kept, pickle.HIGHEST_PROTOCOL).dump(self._parser.parse(text)[0])
        if file is not None:
            # A home that cannot be written costs a third of a second at each start, no more.
            with suppress(OSError):
                file.parent.mkdir(parents=True, exist_ok=True)
                write_whole(file, kept.getvalue())
        return kept.getvalue()


class _Writer(pickle.Pickler):
    """Leaves texts with names open."""

    def persistent_id(self, obj: Any) -> str | None:
        return obj if isinstance(obj, str) and NAME.search(obj) else None


class _Reader(pickle.Unpickler):
    """Puts the values in. What it reads is this process's own, or lies where the user's own farms put it."""

    def __init__(self, kept: bytes, values: Mapping[str, str]) -> None:
        super().__init__(BytesIO(kept))
        self._values = values

    def persistent_load(self, pid: Any) -> str:
        return _fill(pid, self._values)


def _fill(text: str, values: Mapping[str, str]) -> str:
    # Once over the text, so that no value is read for names again.
    return NAME.sub(lambda found: values.get(found[1], found[0]), text)


def _name(text: str) -> str:
    made_with = [importlib.metadata.version(name) for name in ("moto", "antlr4-python3-runtime")]
    return f"definition-{hashlib.sha256(json.dumps([*made_with, text]).encode()).hexdigest()[:32]}.pickle"
