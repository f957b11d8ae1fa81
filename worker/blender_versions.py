"""The Blenders that this worker can start, and the command and environment of each one's process.

The folders are read for each chunk, since a Blender may be added or removed while the worker runs.
"""

import os
import sys
from pathlib import Path

from frameloom.model.blenders import and_listed
from frameloom.model.errors import BlenderMismatch
from frameloom.services.system.installed_blenders import InstalledBlender, installed_blenders

# The environment variables that Blender gets: none that gives access to AWS.
_PASSED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES")


def find_blender(version: str | None) -> InstalledBlender:
    """Return the Blender with a full version; None stands for the worker's default.

    The default is the one of this Python environment, else the oldest.

    Raises:
        BlenderMismatch: this worker does not have it.
    """
    installed = installed_blenders()
    fitting = [each for each in installed if version in (None, each.version)]
    if not fitting:
        held = and_listed(each.version for each in installed) if installed else "of no version"
        raise BlenderMismatch(wanted=version or "of any version", held=held)
    return min(fitting, key=lambda each: each.folder is not None)


def command_of(blender: InstalledBlender) -> list[str]:
    """Return the command of Blender's process."""
    return [sys.executable, "-m", "worker.blender_process", blender.version]


def environment_of(
    blender: InstalledBlender, *, home: Path, temporary: Path, ocio: Path | None = None
) -> dict[str, str]:
    """Return the environment of Blender's process, in which `bpy` is this version.

    Args:
        ocio: the OpenColorIO configuration, None for Blender's own.
    """
    environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
    environment |= {"HOME": str(home), "TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"}
    # Add-ons and settings of a job end with its process.
    environment["BLENDER_USER_RESOURCES"] = str(temporary / "resources")
    if ocio is not None:
        environment["OCIO"] = str(ocio)
    return environment if blender.folder is None else environment | {"PYTHONPATH": str(blender.folder)}
