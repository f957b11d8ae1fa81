"""The child process: holds Blender, reads commands as JSON lines and answers each with one.

    {"do": "open", "path", "name", "settings", "complete"} -> {"size": [w, h] or null}
    {"do": "render", "frame", "path"}         -> {"size", "depth", "seconds", "flat", "problem", "left"} (worker.look)
    either                                    -> {"error": <name>, "facts": {...}}
    any answer but an error                   -> and {"network": why this process has one, null where it has none}

It has no AWS credentials and, where the kernel allows it, no network (`worker.seclusion`). It ends when its
standard input does, or with its parent. Blender prints to standard output, so the answers go to a copy of it that
Blender does not know.
"""

import ctypes
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import bpy

from frameloom.model.errors import FarmError, MissingAssets, NoCamera, OutOfMemory, RenderCrashed, SceneUnreadable
from frameloom.model.settings import RenderSettings
from worker.look import look
from worker.missing import missing_files
from worker.scene_setup import expected_size, set_up

_PR_SET_PDEATHSIG = 1


def main(*, network: str | None) -> None:
    """Answer commands until there are no more.

    Args:
        network: why this process still has one, None where it has none.
    """
    answers = _private_stdout()
    _die_with_parent()
    session = Session()
    for line in sys.stdin:
        try:
            answer = session.do(json.loads(line)) | {"network": network}
        except FarmError as error:
            answer = {"error": type(error).__name__, "facts": error.facts}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    sys.stderr.flush()
    # bpy may hang for ever when the interpreter ends in the ordinary way.
    os._exit(0)


class Session:
    """One Blender with at most one scene open."""

    def __init__(self) -> None:
        self._scene: bpy.types.Scene | None = None
        self._name = ""

    def do(self, command: dict[str, Any]) -> dict[str, Any]:
        """Carry a command out and return its answer."""
        if command["do"] == "open":
            settings = RenderSettings.model_validate(command["settings"])
            return self.open(Path(command["path"]), settings, name=command["name"], complete=command["complete"])
        return self.render(int(command["frame"]), Path(command["path"]))

    def open(self, path: Path, settings: RenderSettings, *, name: str, complete: bool) -> dict[str, Any]:
        """Open a scene, run its scripts only where the job trusts them, and set it up for the job."""
        # A file that does not open leaves what was there before, and that would render.
        self._scene, self._name = None, name
        try:
            bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False, use_scripts=settings.trust_scripts is True)
        except RuntimeError as error:
            raise SceneUnreadable(file=name, problem=_said(error)) from error
        if complete and (missing := missing_files()):
            # PrepareJob has looked already, in the file and in the bucket; this is Blender's own word.
            raise MissingAssets(file=name, assets=", ".join(missing)[:1000])
        self._scene = set_up(settings, file=name)
        return {"size": expected_size(self._scene)}

    def render(self, frame: int, path: Path) -> dict[str, Any]:
        """Render one frame of the open scene to a file."""
        scene = self._scene
        if scene is None:
            raise RenderCrashed(where=f"frame {frame}", problem="no scene is open")
        begun = time.monotonic()
        scene.render.filepath = str(path)
        try:
            scene.frame_set(frame)
            if scene.camera is None:
                raise NoCamera(file=self._name, scene=scene.name)
            outcome = bpy.ops.render.render(write_still=True, scene=scene.name)
        except RuntimeError as error:
            said = _said(error)
            kind = OutOfMemory if "out of memory" in said.lower() else RenderCrashed
            raise kind(where=f"frame {frame}", problem=said) from error
        if "FINISHED" not in outcome or not path.exists():
            raise RenderCrashed(where=f"frame {frame}", problem="Blender wrote no image")
        seen = look(path, scene.render.image_settings.file_format)
        seconds = round(time.monotonic() - begun, 3)
        return {
            "size": expected_size(scene),
            "depth": int(scene.render.image_settings.color_depth),
            "seconds": seconds,
            "flat": seen.flat,
            "problem": seen.problem,
            "left": seen.left,
        }


def _said(error: RuntimeError) -> str:
    return " ".join(str(error).removeprefix("Error: ").split())[:500]


def _private_stdout() -> TextIO:
    """Return standard output for the answers alone; what anyone else prints goes to standard error."""
    private = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(private, "w", encoding="utf-8")


def _die_with_parent() -> None:
    """Ask the kernel to end this process when the supervisor dies: nobody would fetch its frames."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
