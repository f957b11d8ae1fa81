"""The missing files that a job renders without: none, all, or a selection by names and patterns."""

import fnmatch
import json
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

_MOST = 100
_LONGEST = 1024


def _names(value: Any) -> Any:
    """Return names as a tuple: from a list, from JSON, or from one name on the command line or in metadata."""
    if isinstance(value, str) and value not in ("fail", "render"):
        if value.startswith("["):
            try:
                value = json.loads(value)
            except ValueError:
                raise ValueError(f"takes a list of names as JSON, not {value[:60]!r}") from None
        elif any(mark in value for mark in "./*?"):
            value = [value]
        else:
            # A misspelled word is no name of a file.
            raise ValueError(f"takes 'fail', 'render', or names and patterns of files, not {value[:60]!r}")
    if isinstance(value, str):
        return value
    if not isinstance(value, list | tuple):
        raise ValueError("takes 'fail', 'render', or names and patterns of files, not a number or an object")  # noqa: TRY004
    names = tuple(value)
    if (
        not names
        or len(names) > _MOST
        or not all(isinstance(name, str) and 0 < len(name) <= _LONGEST for name in names)
    ):
        raise ValueError(f"takes 1 to {_MOST} names or patterns of at most {_LONGEST:,} characters")
    return names


Missing = Annotated[Literal["fail", "render"] | tuple[str, ...], BeforeValidator(_names)]


def may_miss(allowed: Literal["fail", "render"] | tuple[str, ...], path: str) -> bool:
    """Return whether a job renders without the missing file at `path`, which is as the scene has it.

    A name or pattern without a slash stands for files in any folder. In a pattern, `*` stands for any characters, `?`
    for one, and `[ab]` for one of several.
    """
    if isinstance(allowed, str):
        return allowed == "render"
    path = path.replace("\\", "/")
    name = path.rpartition("/")[2]
    return any(
        one in (path, name) or fnmatch.fnmatchcase(path if "/" in one else name, one)
        for one in (each.replace("\\", "/") for each in allowed)
    )
