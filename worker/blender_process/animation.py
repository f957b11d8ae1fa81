"""Renders frames one after the other as one animation, as `blender -a` does: the scene is evaluated once for each.

A render of its own for each frame evaluates it three times: as the frame is set, for the render, and as Blender leaves
the render, for a screen that nobody sees. Of an animation Blender still does the last once, and updates what the screen
shows before; so the screen is given a scene with nothing in it. A modifier that takes a second takes it once a frame.

Blender's command line takes some settings from the rendered scene that the operator takes from the context. This module
handles each of them (`screen_render_exec` and `screen_render_single_layer_set` in Blender's source):

- the single view layer, where the scene has Render Single Layer on: the operator gets a name that no layer has;
- the current frame, and with it the camera that a marker binds: the context's scene is set to that frame;
- the range of frames, in the source after 5.0: the context's scene gets the same range;
- the scene, by name: the operator gets the name, or uses the context's scene if two scenes have that name;
- the camera of a 3D viewport: the context has none;
- the dependency graph that is evaluated at the end: that of the empty scene.
"""

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import bpy

from frameloom.model.errors import OutOfMemory, RenderCrashed
from worker.blender_process.frame_check import look
from worker.blender_process.scene_setup import expected_size

Command = dict[str, Any]
Answer = dict[str, Any]


class Animation:
    """The frames of a scene from a command's on, each of them written when its own command has come.

    Args:
        shown: an empty scene for the context, None if the window shows the rendered scene.
        commands: those that follow; Blender waits for the next within the render, and can end it in no other way than
            with its process.
        answer: takes what there is to say of each frame, as soon as it is written.
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
        """Render from `command`'s frame to the last that it says will be asked for.

        Raises:
            AttemptFailed: Blender failed at a frame, which has no answer; none is asked for after it.
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
            problem = said(error)
        if self._asked is not None:
            kind = OutOfMemory if "out of memory" in problem.lower() else RenderCrashed
            raise kind(where=f"frame {self._asked['frame']}", problem=problem)

    def _animate(self, command: Command) -> None:
        scene = self._scene
        own = scene.frame_start, scene.frame_end, scene.frame_step

        def give_back(*_: object) -> None:
            # Blender knows by now which frames to render; the scene's drivers may go by its own range.
            scene.frame_start, scene.frame_end, scene.frame_step = own

        for each in (scene, self._shown):
            if each is not None:
                each.frame_start, each.frame_end = command["frame"], command["last"]
        scene.frame_step = command["step"]
        # The child's own folder, on the disk that the frame is to lie on.
        scene.render.filepath = os.path.join(bpy.app.tempdir, "######")  # noqa: PTH118  Blender takes a prefix
        with _handling(bpy.app.handlers.render_init, give_back):
            self._operate(command, animation=True)

    def _still(self, command: Command) -> None:
        """Render one frame that no animation of Blender's can have: they begin at 0."""
        self._scene.render.filepath = command["path"]
        if self._shown is None:
            self._scene.frame_set(command["frame"])
        # It may have been saved between two frames, where an animation never is.
        self._scene.frame_subframe = 0.0
        self._operate(command, write_still=True)

    def _operate(self, command: Command, **how: bool) -> None:
        """Call the render operator so that all settings are the rendered scene's own."""
        with _handling(bpy.app.handlers.render_write, self._written):
            # No layer has an empty name. Without a name, Blender would render the context's layer and fill in the other
            # layers from its last frame of a scene with this name.
            if self._shown is None:
                bpy.ops.render.render(layer="", **how)
                return
            self._shown.frame_set(command["frame"])
            with bpy.context.temp_override(scene=self._shown, view_layer=self._shown.view_layers[0]):
                bpy.ops.render.render(scene=self._scene.name, layer="", **how)

    def _written(self, scene: bpy.types.Scene, *_: object) -> None:
        """Answer for the frame that has just been written, and wait until the next is asked for."""
        asked = self._asked
        # One scene may have another rendered, in a strip say; a script may render on its own.
        if asked is None or scene != self._scene or scene.frame_current != asked["frame"]:
            return
        try:
            self._answer(self._seen(asked))
            self._asked = None if asked["frame"] == asked["last"] else self._next(asked)
        except Exception:  # noqa: BLE001  Blender would go on with the next frame
            traceback.print_exc()
            _end(1)
        self._begun = time.monotonic()

    def _seen(self, asked: Command) -> Answer:
        scene, path = self._scene, Path(asked["path"])
        if asked["frame"] >= 0:
            Path(scene.render.frame_path(frame=asked["frame"])).replace(path)
        seen = look(path, scene.render.image_settings.file_format)
        return {
            "size": expected_size(scene),
            "depth": int(scene.render.image_settings.color_depth),
            "seconds": round(time.monotonic() - self._begun, 3),
            "flat": seen.flat,
            "problem": seen.problem,
        }

    def _next(self, asked: Command) -> Command:
        command = next(self._commands, None)
        if command is None or command.get("frame") != asked["frame"] + asked["step"]:
            # Nobody wants the rest.
            _end(0)
        return command


@contextmanager
def _handling(moment: list[Callable[..., None]], handler: Callable[..., None]) -> Iterator[None]:
    """Have Blender call `handler` at a moment, and no longer."""
    moment.append(handler)
    try:
        yield
    finally:
        # A script may have taken all of them away.
        with suppress(ValueError):
            moment.remove(handler)


def _end(code: int) -> NoReturn:
    sys.stderr.flush()
    os._exit(code)


def said(error: RuntimeError) -> str:
    """Return what Blender says of an error, in one line."""
    return " ".join(str(error).removeprefix("Error: ").split())[:500]
