"""The Blenders of this machine or container.

Each is the Python package `bpy` in one version: the one of this Python environment, if it has one, and others in
folders of their own below `blenders_folder`, named by their full versions. Blender's process puts such a folder before
all other packages, so a folder holds `bpy` only and shares numpy and the rest with this environment.
"""

import importlib.metadata
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from frameloom.model.blenders import is_version, numbers_of

# Names the folder with further Blenders.
VARIABLE = "FRAMELOOM_BLENDERS"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledBlender:
    """A Blender; `folder` contains its package, None for the one of this Python environment."""

    version: str
    folder: Path | None


def blenders_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder with further Blenders, which may not exist: FRAMELOOM_BLENDERS, or one below XDG_DATA_HOME."""
    if given := environment.get(VARIABLE):
        return Path(given).absolute()
    data = environment.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "frameloom" / "blenders"


def installed_blenders(environment: Mapping[str, str] = os.environ) -> list[InstalledBlender]:
    """Return all Blenders of this machine, each version once, oldest first."""
    found = {
        folder.name: InstalledBlender(version=folder.name, folder=folder)
        for folder in _entries(blenders_folder(environment))
        if is_version(folder.name) and (folder / "bpy").is_dir()
    }
    with suppress(importlib.metadata.PackageNotFoundError):
        own = importlib.metadata.version("bpy")
        found[own] = InstalledBlender(version=own, folder=None)
    return sorted(found.values(), key=lambda each: numbers_of(each.version))


def _entries(folder: Path) -> list[Path]:
    with suppress(OSError):
        return list(folder.iterdir())
    return []
