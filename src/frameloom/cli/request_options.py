"""From options and `--set NAME=VALUE` to the fields of a job's request."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from frameloom.model.errors import InvalidRequest

if TYPE_CHECKING:
    from frameloom.client import RequestFields


def read_fields(options: Mapping[str, str | None], settings: Iterable[str]) -> "RequestFields":
    """Return the fields that the options and settings give, as text that the request's model checks.

    Args:
        options: by the request's names, with a dot for a nested field, such as `video.codec`; None: the default.
        settings: NAME=VALUE, for the same names.

    Raises:
        InvalidRequest: a setting has no value or no name, or a field is given twice.
    """
    given = {name: value for name, value in options.items() if value is not None}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise InvalidRequest(field="--set", problem=f"takes NAME=VALUE, not {setting!r}")
        if name in given:
            raise InvalidRequest(field=name, problem="is given twice")
        given[name] = value
    return cast("RequestFields", _nested(given))


def _nested(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return `{"a.b": c}` as `{"a": {"b": c}}`."""
    nested: dict[str, Any] = {}
    for name, value in fields.items():
        folder, _, leaf = name.rpartition(".")
        target = nested
        for part in filter(None, folder.split(".")):
            inner = target.setdefault(part, {})
            if not isinstance(inner, dict):
                raise InvalidRequest(field=name, problem=f"is inside of {part}, which is given a value of its own")
            target = inner
        if isinstance(target.get(leaf), dict):
            raise InvalidRequest(field=name, problem="is given a value of its own, and fields inside of it")
        target[leaf] = value
    return nested
