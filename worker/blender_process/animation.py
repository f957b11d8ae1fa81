"""Renders consecutive frames as one animation, as `blender -a` does: the scene is evaluated once for each frame.

A separate render for each frame evaluates the scene three times: when the frame is set, for the render, and for the
window when the render ends. An animation still evaluates the window's scene before each frame and at its end, so the
window gets an empty scene. A modifier that takes a second then takes it once a frame.

Blender's command line takes some settings from the rendered scene that the operator takes from the context. This module
sets each of them (`screen_render_exec` and `screen_render_single_layer_set` in Blender's source):

- The single view layer, if the scene has Render Single Layer on. The operator gets a name that no layer has.
- The current frame, and with it the camera that a marker binds. The context's scene is set to that frame.
- The range of frames, in the source after 5.0. The context's scene gets the same range.
- The scene, by name. The operator gets the name, or uses the context's scene if two scenes have that name.
- The camera of a 3D viewport. The context has no viewport.
- The dependency graph that is evaluated at the end. It is that of the empty scene.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import bpy

from frameloom.model.errors import OutOfMemory, RenderCrashed
from worker.blender_process.faults import error_answer
from worker.blender_process.frame_check import check_frame
from worker.blender_process.scene_setup import expected_size, smallest
from worker.blender_process.stereo import written_files

Command = dict[str, Any]
Answer = dict[str, Any]


class Animation:
    """Renders the frames of one animation, each when its own command has come.

    Args:
        shown: an empty scene for the context, None if the window shows the rendered scene.
        commands: the following commands. Blender waits for the next one within the render, so only the end of the
            process ends an animation early.
        answer: called with the answer for each frame as soon as the frame is written.
    """

    def __init__(
        self,
        scene: bpy.types.Scene,
        *,
        shown: bpy.types.Scene | None,
        commands: Iterator[Command],
        answer: Callable[[Answer], None],
    ) -> None:
        self._scene = scene
        self._shown = shown
        self._commands = commands
        self._answer = answer

    def render(self, command: Command) -> None:
        """Render from the frame of `command` to the last frame that it announces.

        Raises:
            AttemptFailed: Blender failed at a frame. That frame has no answer, and the animation has ended.
        """
        self._asked: Command | None = command
        self._begun = time.monotonic()
        problem = "Blender wrote no image"
        try:
            if command["frame"] >= 0:
                self._animate(command)
            else:
                self._still(command)
        except RuntimeError as error:
            problem = error_text(error)
        if self._asked is not None:
            kind = OutOfMemory if "out of memory" in problem.lower() else RenderCrashed
            raise kind(where=f"frame {self._asked['frame']}", problem=problem)

    def pass_through(self, command: Command) -> None:
        """Take the simulations through frames of which no image is wanted.

        Only a render steps a simulation as a render does, since setting the frame evaluates the scene as for the
        viewport. These renders are as small as possible.

        Raises:
            AttemptFailed: Blender failed at one of the frames.
        """
        self._asked = None
        try:
            with smallest(self._scene):
                if command["frame"] >= 0:
                    self._animate(command)
                else:
                    self._still(command)
        except RuntimeError as error:
            raise RenderCrashed(where=f"frame {command['frame']} or a later one", problem=error_text(error)) from error
        for image in Path(bpy.app.tempdir).glob("*"):
            if image.is_file():
                image.unlink()

    def _animate(self, command: Command) -> None:
        scene = self._scene
        own = scene.frame_start, scene.frame_end, scene.frame_step

        def restore_range(*_: object) -> None:
            # Blender has read the range by now. Drivers may depend on the scene's own range.
            scene.frame_start, scene.frame_end, scene.frame_step = own

        for each in (scene, self._shown):
            if each is not None:
                each.frame_start, each.frame_end = command["frame"], command["last"]
        scene.frame_step = command["step"]
        # The process's own folder, on the same disk as the frame.
        scene.render.filepath = os.path.join(bpy.app.tempdir, "######")  # noqa: PTH118  Blender takes a prefix
        with self._handler(bpy.app.handlers.render_init, restore_range):
            self._operate(command, animation=True)

    def _still(self, command: Command) -> None:
        """Render one frame below 0, where no animation of Blender's can begin."""
        self._scene.render.filepath = os.path.join(bpy.app.tempdir, "still")  # noqa: PTH118  as above
        if self._shown is None:
            self._scene.frame_set(command["frame"])
        # The scene may have been saved between two frames; an animation always renders whole frames.
        self._scene.frame_subframe = 0.0
        self._operate(command, write_still=True)

    def _operate(self, command: Command, **how: bool) -> None:
        """Call the render operator so that all settings are the rendered scene's own."""
        with self._handler(bpy.app.handlers.render_write, self._written):
            # No layer has an empty name. Without a name, Blender would render the context's layer and fill in the other
            # layers from its last frame of a scene with this name.
            if self._shown is None:
                bpy.ops.render.render(layer="", **how)
                return
            self._shown.frame_set(command["frame"])
            with bpy.context.temp_override(scene=self._shown, view_layer=self._shown.view_layers[0]):
                bpy.ops.render.render(scene=self._scene.name, layer="", **how)

    def _written(self, scene: bpy.types.Scene, *_: object) -> None:
        """Answer for the frame that has just been written, and wait for the next command."""
        asked = self._asked
        # A scene can render others, such as the scene of a strip, and a script can render by itself.
        if asked is None or scene != self._scene or scene.frame_current != asked["frame"]:
            return
        self._answer(self._check(asked))
        self._asked = None if asked["frame"] == asked["last"] else self._next(asked)
        self._begun = time.monotonic()

    def _check(self, asked: Command) -> Answer:
        scene, paths = self._scene, [Path(path) for path in asked["paths"]]
        written = written_files(scene, self._picture(asked["frame"]))
        if len(written) != len(paths):
            problem = f"it has {len(written)} files, not {len(paths)}: a script of the scene has changed its views"
            raise RenderCrashed(where=f"frame {asked['frame']}", problem=problem)
        for file, path in zip(written, paths, strict=True):
            file.replace(path)
        checks = [check_frame(path, scene.render.image_settings.file_format) for path in paths]
        return {
            "size": expected_size(scene),
            "depth": int(scene.render.image_settings.color_depth),
            "seconds": round(time.monotonic() - self._begun, 3),
            "files": [{"flat": check.flat, "problem": check.problem} for check in checks],
        }

    def _picture(self, frame: int) -> Path:
        """Return the file to which Blender writes a frame without views."""
        render = self._scene.render
        return Path(render.frame_path(frame=frame) if frame >= 0 else f"{render.filepath}{render.file_extension}")

    def _next(self, asked: Command) -> Command:
        command = next(self._commands, None)
        if command is None or command.get("frame") != asked["frame"] + asked["step"]:
            # The supervisor has ended, or does not want the other frames.
            _end()
        return command

    @contextmanager
    def _handler(self, handlers: list[Callable[..., None]], handler: Callable[..., None]) -> Iterator[None]:
        """Add `handler` to a list of Blender's handlers, and remove it at exit."""

        def guarded(*arguments: object) -> None:
            try:
                handler(*arguments)
            except Exception as error:  # noqa: BLE001  Blender would print it, and go on with the next frame
                where = "the render" if self._asked is None else f"frame {self._asked['frame']}"
                self._answer(error_answer(error, where=where) | {"ended": True})
                _end()

        handlers.append(guarded)
        try:
            yield
        finally:
            # A script may have removed it.
            with suppress(ValueError):
                handlers.remove(guarded)


def _end() -> NoReturn:
    sys.stderr.flush()
    os._exit(0)


def error_text(error: RuntimeError) -> str:
    """Return Blender's error message in one line."""
    return " ".join(str(error).removeprefix("Error: ").split())[:500]
