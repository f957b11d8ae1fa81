"""Code of a scene that Blender skipped, since it may not run: the picture is another one than its artist's.

PrepareJob looks for it in the file (`frameloom.services.scene_scripts`); this is Blender's own word, for what is only
known as the scene is evaluated.
"""

from collections.abc import Callable
from typing import Any

import bpy

from frameloom.model.errors import InvalidRequest
from frameloom.model.settings import SCRIPTS_WAYS_OUT, RenderSettings


def refuse_skipped(settings: RenderSettings) -> None:
    """Refuse the open scene where Blender skipped code of it since it was opened.

    Raises:
        InvalidRequest: it did, and the job does not say to render without it.
    """
    if settings.trust_scripts is None and bpy.app.autoexec_fail:
        problem = (
            "the scene holds Python, which runs only where the job trusts it: "
            f"{bpy.app.autoexec_fail_message}; {SCRIPTS_WAYS_OUT}"
        )
        raise InvalidRequest(field="trust_scripts", problem=problem)


def refusing_skipped(
    answer: Callable[[dict[str, Any]], None], settings: RenderSettings
) -> Callable[[dict[str, Any]], None]:
    """Return `answer` with an error in place of a frame that was rendered without code of the scene."""

    def checked(fields: dict[str, Any]) -> None:
        try:
            refuse_skipped(settings)
        except InvalidRequest as error:
            # Blender is still within its render, and waits there for the next frame.
            fields = {"error": type(error).__name__, "facts": error.facts, "within": True}
        answer(fields)

    return checked
