"""Parsed definitions of state machines, kept in memory for each execution and as JSON in a folder for the next farm.

A template's definition has placeholders, for which each farm has its own values: other ARNs, another port. The
definition is therefore parsed with its placeholders, and the values are filled in each time a program is made of it.

Measured 2026-11-30: the first parse takes 0.3 and each later one 0.13 processor seconds, a read of the JSON 0.005.
"""

import hashlib
import importlib.metadata
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from frameloom.local.moto_patches.speed.program_json import from_json, to_json
from frameloom.local.user_folder import write_whole

# A placeholder in a definition; DefinitionSubstitutions has the values.
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
# A resource decides how its state is parsed, so its placeholder cannot be filled in later.
_RESOURCE_PLACEHOLDER = re.compile(r'"Resource"\s*:\s*"[^"]*\$\{')

_folder: Path | None = None
# For each definition with its values: the text with placeholders, and the values.
_sources: dict[str, tuple[str, Mapping[str, str]]] = {}


def keep_in(folder: Path) -> None:
    """Also keep parsed definitions in a folder, and read them from there."""
    global _folder  # noqa: PLW0603  one emulator per process
    _folder = folder


def filled_in(text: str, values: Mapping[str, Any]) -> str:
    """Return a definition with its values, and remember its text with placeholders."""
    given = {name: str(value) for name, value in values.items()}
    definition = _fill(text, given)
    if not _RESOURCE_PLACEHOLDER.search(text):
        _sources[definition] = text, given
    return definition


class Definitions:
    """Replaces moto's parser, and calls it at most once per definition."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self._kept = lru_cache(maxsize=64)(self._parsed)

    def parse(self, definition: str) -> tuple[Any, None]:
        """Return a new program, since a distributed Map stores its state in it, and None for the unused syntax tree."""
        text, values = _sources.get(definition, (definition, {}))
        with suppress(Exception):
            return from_json(self._kept(text, _folder if values else None), lambda value: _fill(value, values)), None
        # The definition is invalid, or has a placeholder where the parser accepts no string, such as for a number.
        return self._parser.parse(definition)[0], None

    def _parsed(self, text: str, folder: Path | None) -> list[Any]:
        file = None if folder is None else folder / _file_name(text)
        if file is not None and (kept := _read(file)) is not None:
            return kept
        objects = to_json(self._parser.parse(text)[0])
        if file is not None:
            # A folder that cannot be written costs 0.3 seconds at each start.
            with suppress(OSError):
                file.parent.mkdir(parents=True, exist_ok=True)
                write_whole(file, json.dumps(objects))
        return objects


def _read(file: Path) -> list[Any] | None:
    """Return the parsed definition in a file; None if the file is missing, damaged or has other content."""
    with suppress(OSError, ValueError, RecursionError):
        objects: list[Any] = json.loads(file.read_text(encoding="utf-8"))
        from_json(objects, lambda value: value)
        return objects
    return None


def _fill(text: str, values: Mapping[str, str]) -> str:
    # One pass over the text, so that a placeholder in a value stays.
    return PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text) if "${" in text else text


def _file_name(text: str) -> str:
    versions = [importlib.metadata.version(name) for name in ("moto", "antlr4-python3-runtime")]
    return f"definition-{hashlib.sha256(json.dumps([*versions, text]).encode()).hexdigest()[:32]}.json"
