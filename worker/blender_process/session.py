"""The loop of Blender's process: reads commands as JSON lines and answers each with one line.

    {"do": "open", "path", "root", "name", "settings", "complete", "allowed"}
                           -> {"size": [w, h] or null, "scenes": the rendered ones, "only": has the file no others}
    {"do": "inspect", "path", "name"}
                           -> {"facts": frameloom.model.scene_json}, and the end of the process
    {"do": "render", "frame", "paths", "last", "step"}
                                              -> {"size", "depth", "seconds", "left", "files": [{"flat", "problem"}]}
                                              (worker.blender_process.frame_check)
    either                                    -> {"error": <name>, "facts": {...}, "within": is a render still on,
                                                  "ended": does the process end}
    any answer but an error                   -> and {"network": why it has network access, else null}

A render command announces the frames that follow it, up to `last` in steps of `step`. Blender renders them as one
animation (worker.blender_process.animation), each frame when its own command has come. The only way to leave an
animation is to end the process.

The process has no AWS credentials and, if the kernel allows it, no network (worker.blender_process.sandbox). It ends
with its standard input or with its parent. Blender prints to standard output, so the answers go to a copy of standard
output that Blender does not know.
"""

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, TextIO

import bpy

from frameloom.model.allowed_missing import may_miss
from frameloom.model.errors import MissingAssets, RenderCrashed, SceneUnreadable
from frameloom.model.settings import RenderSettings
from worker.blender_process import path_guard
from worker.blender_process.animation import Animation, error_text
from worker.blender_process.extensions import install_extensions
from worker.blender_process.faults import error_answer
from worker.blender_process.find_sources import rendered_scenes
from worker.blender_process.inspection import inspect_scene
from worker.blender_process.missing_files import DAMAGED, missing_files
from worker.blender_process.scene_setup import expected_size, set_up
from worker.blender_process.skipped_scripts import refuse_skipped, refusing_skipped
from worker.blender_warnings import OPENING, mark_output

_PR_SET_PDEATHSIG = 1


def prepare() -> None:
    """Prepare this process for its first command."""
    _die_with_parent()
    path_guard.prepare()


def answer_commands(answers: TextIO, *, network: str | None) -> NoReturn:
    """Answer commands until standard input ends, then end this process.

    Args:
        network: why this process has network access, None if it has not.
    """

    def answer(fields: dict[str, Any]) -> None:
        answers.write(json.dumps(fields) + "\n")
        answers.flush()

    commands: Iterator[dict[str, Any]] = map(json.loads, sys.stdin)
    session = Session(commands, lambda fields: answer(fields | {"network": network}))
    for command in commands:
        try:
            session.do(command)
        except Exception as error:  # noqa: BLE001  a fault of this code is no crash of Blender
            failed = error_answer(error, where=_place(command), file=command.get("name"))
            answer(failed)
            if failed["ended"]:
                break
    sys.stderr.flush()
    # bpy can hang for ever when the interpreter exits normally.
    os._exit(0)


def _original(missing: str, replaced: Mapping[str, str]) -> str:
    """Return the path in the scene of a missing file, with its mark if it is damaged."""
    path: str = missing.removesuffix(DAMAGED)
    return replaced.get(path, path) + missing[len(path) :]


class Session:
    """One Blender with at most one open scene; `answer` is called with the answer to each of the `commands`."""

    def __init__(self, commands: Iterator[dict[str, Any]], answer: Callable[[dict[str, Any]], None]) -> None:
        self._commands = commands
        self._answer = answer
        self._scene: bpy.types.Scene | None = None
        self._settings = RenderSettings()
        self._shown: bpy.types.Scene | None = None

    def do(self, command: dict[str, Any]) -> None:
        """Execute a command, and the render commands of the same animation."""
        if command["do"] == "open":
            settings = RenderSettings.model_validate(command["settings"])
            install_extensions([Path(command["root"], key) for key in settings.addons or ()])
            self.open(
                Path(command["path"]),
                settings,
                root=Path(command["root"]),
                absolute=None if command.get("absolute") is None else Path(command["absolute"]),
                name=command["name"],
                complete=command["complete"],
                allowed=tuple(command.get("allowed", ())),
            )
        elif command["do"] == "inspect":
            inspect_scene(Path(command["path"]), name=command["name"], answer=self._answer)
        elif self._scene is None:
            raise RenderCrashed(where=f"frame {command['frame']}", problem="no scene is open")
        else:
            answer = refusing_skipped(self._answer if self._settings.ocio is None else self._marked, self._settings)
            animation = Animation(self._scene, shown=self._shown, commands=self._commands, answer=answer)
            if command["do"] == "pass":
                animation.pass_through(command)
                self._answer({})
            else:
                animation.render(command)

    def _marked(self, fields: dict[str, Any]) -> None:
        """Answer after all lines that Blender has printed, so that errors of OpenColorIO come before."""
        mark_output()
        self._answer(fields)

    def open(
        self,
        path: Path,
        settings: RenderSettings,
        *,
        name: str,
        complete: bool,
        allowed: tuple[str, ...] = (),
        root: Path | None = None,
        absolute: Path | None = None,
    ) -> None:
        """Open a scene, run its scripts only if the job trusts them, and set it up for the job.

        Absolute paths in the scene are mapped to the files below `absolute`.

        An untrusted scene is confined to the files below `root`, or its own folder. A trusted scene is not, since its
        scripts could open any file.
        """
        mark_output(OPENING)
        # After a file that does not open, the earlier scene is still loaded and would render.
        self._scene = None
        trusted = settings.trust_scripts is True
        confined = path_guard.confined(root or path.parent, file=name, absolute=absolute, trusted=trusted)
        with confined as replaced:
            try:
                bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False, use_scripts=trusted)
            except RuntimeError as error:
                # The operator also fails for a data-block that Blender reports and skips. The file is open then.
                if bpy.data.filepath != str(path):
                    raise SceneUnreadable(file=name, problem=error_text(error)) from error
        missing = [_original(path, replaced) for path in missing_files()] if complete else []
        # PrepareJob has checked the file and the bucket. Blender may miss more.
        if lost := [path for path in missing if not may_miss(allowed, path.removesuffix(DAMAGED))]:
            raise MissingAssets(file=name, assets=", ".join(lost)[:1000])
        refuse_skipped(settings)
        self._scene, self._settings = set_up(settings, file=name), settings
        scene = self._scene
        scenes = rendered_scenes(scene)
        only = len(scenes) == len(bpy.data.scenes)
        self._shown = None
        if settings.trust_scripts or bpy.data.scenes.get(scene.name) != scene:
            # Scripts expect their scene in the window, where `blender --scene` puts it. If a local and a linked scene
            # share a name, the operator finds the linked scene only there.
            bpy.context.window.scene = scene
        else:
            self._shown = bpy.data.scenes.new("nothing")
        mark_output()
        self._answer({"size": expected_size(scene), "scenes": scenes, "only": only})


def _place(command: dict[str, Any]) -> str:
    return f"frame {command['frame']}" if "frame" in command else "the opening of the scene"


def _die_with_parent() -> None:
    """Make the kernel kill this process when the supervisor dies, since its frames would be lost."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
