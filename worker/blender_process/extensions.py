"""Installs a job's extensions into the folder of this process, which ends with it (`BLENDER_USER_RESOURCES`)."""

from collections.abc import Sequence
from pathlib import Path

import bpy

from frameloom.model.errors import InvalidRequest
from worker.blender_process.animation import error_text


def install_extensions(archives: Sequence[Path]) -> None:
    """Install extensions and enable their add-ons, before a scene opens.

    Raises:
        InvalidRequest: Blender cannot install or enable one.
    """
    for archive in archives:
        before = _enabled()
        try:
            bpy.ops.extensions.package_install_files(filepath=str(archive), repo="user_default", enable_on_install=True)
        except RuntimeError as error:
            problem = f"Blender cannot install {archive.name!r}: {error_text(error)}"
            raise InvalidRequest(field="addons", problem=problem) from error
        if _enabled() == before:
            # It prints the exception of the add-on's own code.
            problem = f"Blender cannot enable {archive.name!r}: try it in Blender on another machine, in the background"
            raise InvalidRequest(field="addons", problem=problem)


def _enabled() -> set[str]:
    return {addon.module for addon in bpy.context.preferences.addons}
