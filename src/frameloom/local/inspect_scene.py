"""Inspects a scene with a Blender of this machine, where the reader cannot read it."""

import json
import subprocess
import sys
from pathlib import Path

from frameloom.local.local_farm import find_root
from frameloom.model.blenders import choose_blender
from frameloom.model.errors import FarmUnavailable, SceneUnreadable, by_name
from frameloom.model.scene import SceneFacts
from frameloom.model.scene_json import facts_from_json
from frameloom.services.scene.reader import read_header
from frameloom.services.system.installed_blenders import installed_blenders

# Files that Blender converts from old versions take seconds.
_TIMEOUT = 600


def inspect_scene(scene: Path, *, name: str) -> SceneFacts:
    """Return the facts about a scene, from the Blender of this machine that would render it.

    Args:
        name: the scene's name in messages.

    Raises:
        SceneUnreadable: Blender cannot read it either, or this machine has no Blender.
        JobImpossible: the scene is too new for each Blender of this machine.
    """
    blenders = [each.version for each in installed_blenders()]
    try:
        root = find_root()
    except FarmUnavailable:
        blenders = []
    if not blenders:
        problem = (
            "only Blender can read it, and this machine has no Blender: install one, or upload the scene to the scenes "
            "bucket, so that a worker of the farm inspects it"
        )
        raise SceneUnreadable(file=name, problem=problem)
    header = read_header(scene)
    blender = choose_blender(
        None, saved_by=header.version, blenders=blenders, file=name, big_endian=header.byte_order == ">"
    )
    command = [sys.executable, "-m", "worker.inspect_scene", str(scene.absolute()), name, blender]
    try:
        ran = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        problem = f"Blender {blender} did not open it within {_TIMEOUT} seconds"
        raise SceneUnreadable(file=name, problem=problem) from error
    if not ran.stdout:
        raise SceneUnreadable(file=name, problem=f"Blender {blender} ended while it opened the file")
    answer = json.loads(ran.stdout)
    if "error" in answer:
        raise (by_name(answer["error"]) or SceneUnreadable)(**answer["facts"])
    return facts_from_json(answer["facts"])
