"""From a command's options to the request of a job."""

import getpass
import itertools
import os
import platform
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from frameloom.model import keys
from frameloom.model.errors import InvalidRequest, SceneUnreadable
from frameloom.model.request import MAX_FILM_LENGTH, JobRequest, scene_file
from frameloom.services.storage.local_files import Disk


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
    """Return the request for `scene`, whose key is `file` if given, else that of `place_of`.

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
    return JobRequest.read(_nested({"file": given.get("file") or place_of(scene)} | given))


def place_of(scene: Path) -> str:
    """Return the key of a scene on this disk, which is unique to the file and stable.

    Raises:
        InvalidRequest: its path is no valid key.
    """
    disk = Disk.of(scene)
    key = keys.disk_key(keys.owner_folder(_user(), platform.node()), str(disk.root), disk.key(scene))
    try:
        return scene_file(key)
    except ValueError as error:
        problem = (
            f"the path of {str(scene)!r} cannot be a key in the scenes bucket, since a key {error}; choose another "
            "key with --set file=film/shot.blend"
        )
        raise InvalidRequest(field="SCENE.blend", problem=problem) from None


def apart_from(request: JobRequest, assets: Collection[str]) -> JobRequest:
    """Return the request; rename the film in the bucket if the scene reads a file with the film's key.

    In the bucket a film lies beside its scene. On the disk it goes to another folder and keeps its name.
    """
    if request.film is not None or _film_key(request, None) not in assets:
        return request
    stem = keys.video_stem(request.file).rpartition("/")[2]
    stem = stem if len(stem.encode()) < MAX_FILM_LENGTH // 2 else "shot"
    names = (f"{stem}_film{number}" for number in itertools.chain([""], itertools.count(2)))
    return request.model_copy(update={"film": next(name for name in names if _film_key(request, name) not in assets)})


def _film_key(request: JobRequest, name: str | None) -> str:
    return keys.video_key(request.file, request.video.container, name=name)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        # A container's user may have no name.
        return f"uid-{os.getuid()}"


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
