"""The request of a job for a scene on this disk, and the key of that scene in the scenes bucket."""

import getpass
import itertools
import os
import platform
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from frameloom.model import keys
from frameloom.model.errors import InvalidRequest, SceneUnreadable
from frameloom.model.request import MAX_FILM_LENGTH, JobRequest, scene_file


def find_scene(path: Path) -> Path:
    """Return `path` if it can be a scene.

    Raises:
        InvalidRequest: there is no such file.
        SceneUnreadable: it is a folder, or its name does not end in .blend.
    """
    if not path.exists():
        raise InvalidRequest(field="path", problem=f"there is no file {str(path)!r}")
    if path.is_dir():
        raise SceneUnreadable(file=str(path), problem="it is a folder")
    if path.suffix != ".blend":
        raise SceneUnreadable(file=str(path), problem="its name does not end in .blend")
    return path


def build_request(scene: Path, fields: Mapping[str, Any]) -> JobRequest:
    """Return the request for a scene; its key is `file` if given, else that of `place_of`.

    Args:
        fields: the request's fields by name; None stands for the default.

    Raises:
        InvalidRequest: naming the field that is wrong or unknown.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    return JobRequest.read({"file": given.get("file") or place_of(scene)} | given)


def place_of(scene: Path) -> str:
    """Return the key of a scene on this disk, which is unique to the file and stable.

    Raises:
        InvalidRequest: its path is no valid key.
    """
    path = Path(os.path.normpath(scene.absolute()))
    key = keys.disk_key(disk_folder(), path.anchor, path.relative_to(path.anchor).as_posix())
    try:
        return scene_file(key)
    except ValueError as error:
        problem = (
            f"the path of {str(scene)!r} cannot be a key in the scenes bucket, since a key {error}; choose another "
            "key with `file=film/shot.blend`"
        )
        raise InvalidRequest(field="path", problem=problem) from None


def disk_folder() -> str:
    """Return the folder of the scenes bucket that mirrors this machine's disk for this user."""
    return keys.owner_folder(_user(), platform.node())


def apart_from(request: JobRequest, assets: Collection[str]) -> JobRequest:
    """Return the request; rename the film in the bucket if the scene reads a file with the film's key.

    In the bucket a film is beside its scene. On the disk it is in the output folder and keeps its name.
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
        # The user of a container may have no name.
        return f"uid-{os.getuid()}"
