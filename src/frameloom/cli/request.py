"""From a command's options to the request of a job."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from frameloom.model.errors import InvalidRequest, SceneUnreadable
from frameloom.model.request import JobRequest


def find_scene(path: Path) -> Path:
    """Return `path` where it can be a scene.

    Raises:
        InvalidRequest: there is no such file.
        SceneUnreadable: it is no file that a farm takes.
    """
    if not path.exists():
        raise InvalidRequest(field="SCENE.blend", problem=f"there is no file {str(path)!r}")
    if path.is_dir():
        raise SceneUnreadable(file=str(path), problem="it is a folder")
    if path.suffix != ".blend":
        raise SceneUnreadable(file=str(path), problem="its name does not end in .blend")
    return path


def build_request(scene: Path, fields: Mapping[str, str | None], settings: Iterable[str] = ()) -> JobRequest:
    """Return the request for `scene`, which will lie in the scenes bucket under its own name.

    Args:
        fields: by the request's names, with a dot before what is nested; None stands for 'not given'.
        settings: `NAME=VALUE`, for the same names.

    Raises:
        InvalidRequest: naming the field that is wrong, unknown or given twice.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise InvalidRequest(field="--set", problem=f"takes NAME=VALUE, not {setting!r}")
        if name in given:
            raise InvalidRequest(field=name, problem="is given twice")
        given[name] = value
    return JobRequest.read(_nested({"file": scene.name} | given))


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
