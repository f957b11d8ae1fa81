"""Reads a scene on this disk: without Blender if possible, else with a Blender of this machine."""

from pathlib import Path

from frameloom.model.errors import SceneUnreadable
from frameloom.model.scene import SceneFacts
from frameloom.services.scene.reader import may_open_in_blender, read_scene


def read_local_scene(scene: Path) -> SceneFacts:
    """Return the facts about a scene; the Blender of this machine inspects a file that only Blender may read.

    Raises:
        SceneUnreadable: neither can read it, or this machine has no Blender.
        JobImpossible: only Blender may read it, and it is too new for each Blender of this machine.
    """
    try:
        return read_scene(scene)
    except SceneUnreadable as error:
        if not may_open_in_blender(error):
            raise
        # Imported here: most scenes need no Blender, and each command would pay for the import.
        from frameloom.local.inspect_scene import inspect_scene  # noqa: PLC0415

        return inspect_scene(scene, name=scene.name)
