"""Translates errors for the command line: a request's fields become the options that were typed.

Model, services and client name the fields of a request and the arguments of the client. A command that builds a request
from options registers them here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

# Fields whose options have other names.
_OPTIONS = {
    "resolution_percentage": "--resolution",
    "output": "--frames-only",
    "addons": "--addon",
    "video.codec": "--codec",
    "video.quality": "--quality",
}
# Arguments of the client that are no fields of a request, with the options or arguments that they come from.
_ARGUMENTS = {"path": "SCENE.blend", "out": "--out", "workers": "--workers", "job": "JOB"}
# A field in a sentence, with or without a value: `camera`, `missing_assets=render`.
_QUOTED = re.compile(r"`([a-z_]+(?:\.[a-z_]+)?)(?:=([^`]*))?`")


@dataclass(frozen=True, slots=True)
class _Typed:
    """A command's options by name, each with whether it takes a value, and the names that --set got."""

    options: Mapping[str, bool]
    settings: frozenset[str]

    def option(self, field: str, value: str | None = None) -> str:
        """Return a field or an argument as it is written on the command line."""
        if field in _ARGUMENTS:
            argument = _ARGUMENTS[field]
            return argument if value is None else f"{argument} {value}"
        option = _OPTIONS.get(field, f"--{field.replace('_', '-')}")
        if field in self.settings or option not in self.options:
            option = f"--set {field}" if "--set" in self.options else field
            return option if value is None else f"{option}={value}"
        return option if value is None or not self.options[option] else f"{option} {value}"


_typed: ContextVar[_Typed | None] = ContextVar("typed", default=None)


@contextmanager
def typing(options: Mapping[str, bool], settings: Iterable[str]) -> Iterator[None]:
    """Name fields in errors as these options, or as `--set` if `settings` has them as NAME=VALUE."""
    token = _typed.set(_Typed(options, frozenset(setting.partition("=")[0] for setting in settings)))
    try:
        yield
    finally:
        _typed.reset(token)


def as_typed(error: str, cause: str) -> str:
    """Return the cause of an error with options in place of fields and arguments; unchanged outside `typing`."""
    typed = _typed.get()
    if typed is None:
        return cause
    from frameloom.model.request import JobRequest  # noqa: PLC0415  pydantic is slow to import

    def is_known(name: str) -> bool:
        return name in _ARGUMENTS or name.partition(".")[0] in JobRequest.model_fields

    if error == "InvalidRequest":
        field, colon, problem = cause.partition(": ")
        # An unknown name comes from --set.
        if colon and (is_known(field) or field in typed.settings):
            cause = f"{typed.option(field)}: {problem}"
    return _QUOTED.sub(lambda found: f"`{typed.option(found[1], found[2])}`" if is_known(found[1]) else found[0], cause)
