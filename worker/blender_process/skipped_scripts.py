"""Refuses scenes with code that Blender skipped because it may not run, so that the picture would be wrong.

PrepareJob looks for such code in the file (`frameloom.services.scene.scripts`). This module also covers code that only
shows when Blender evaluates the scene.
"""

from collections.abc import Callable
from typing import Any

import bpy

from frameloom.model.errors import InvalidRequest
from frameloom.model.settings import TRUST_OPTIONS, RenderSettings


def refuse_skipped(settings: RenderSettings) -> None:
    """Refuse the open scene if Blender has skipped code of it.

    Raises:
        InvalidRequest: Blender has, and the job does not render without the code.
    """
    if settings.trust_scripts is None and bpy.app.autoexec_fail:
        problem = (
            "the scene contains Python, which runs only if the job trusts it: "
            f"{bpy.app.autoexec_fail_message}; {TRUST_OPTIONS}"
        )
        raise InvalidRequest(field="trust_scripts", problem=problem)


def refusing_skipped(
    answer: Callable[[dict[str, Any]], None], settings: RenderSettings
) -> Callable[[dict[str, Any]], None]:
    """Return `answer`, replacing each frame that was rendered without code of the scene by an error."""

    def checked(fields: dict[str, Any]) -> None:
        try:
            refuse_skipped(settings)
        except InvalidRequest as error:
            # Blender is still in its render, and waits for the next frame.
            fields = {"error": type(error).__name__, "facts": error.facts, "within": True}
        answer(fields)

    return checked
