"""The extensions of a job on this disk, with their keys in the scenes bucket."""

import os
from collections.abc import Sequence
from pathlib import Path

from frameloom.client.job_request import disk_folder
from frameloom.model import keys
from frameloom.model.errors import InvalidRequest
from frameloom.services.scene.extension_zip import Extension, read_extension


def local_addons(given: Sequence[str]) -> dict[Path, Extension]:
    """Return the extensions at paths on this disk.

    Raises:
        InvalidRequest: a file does not exist, or is no extension.
    """
    return dict(_local(text) for text in given)


def _local(text: str) -> tuple[Path, Extension]:
    path = Path(os.path.normpath(Path(text).absolute()))
    if not path.is_file():
        raise InvalidRequest(field="addons", problem=f"there is no file {text!r}")
    key = keys.disk_key(disk_folder(), path.anchor, path.relative_to(path.anchor).as_posix())
    return path, read_extension(path, key=key)
