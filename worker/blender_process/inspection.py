"""Reads the facts about a scene with Blender, for files that `frameloom.services.scene.reader` cannot read.

`load_post` runs after Blender has read the file and before it evaluates the scene. The process ends there, with its
answer: nothing of an untrusted scene is evaluated, and no cache is written. Code in the scene does not run.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from frameloom.model.colours import Colours
from frameloom.model.errors import SceneUnreadable
from frameloom.model.scene import SceneEntry, SceneFacts
from frameloom.model.scene_json import facts_to_json
from frameloom.services.scene.scene_entry import exact_aspect, exact_rate
from worker.blender_process.animation import error_text
from worker.blender_process.find_sources import find_sources
from worker.blender_process.frame_metadata import burnt_parts


def inspect_scene(path: Path, *, name: str, answer: Callable[[dict[str, Any]], None]) -> None:
    """Call `answer` with the facts about the scene in `path`, and end the process.

    Args:
        name: the scene's name in messages.

    Raises:
        SceneUnreadable: Blender cannot open the file.
    """
    problems: list[Exception] = [SceneUnreadable(file=name, problem="Blender opened it without calling load_post")]

    @bpy.app.handlers.persistent  # type: ignore[untyped-decorator]
    def loaded(*_: object) -> None:
        problems.clear()
        try:
            answer({"facts": facts_to_json(read_facts(name))})
        except Exception as error:  # noqa: BLE001  Blender would print it and evaluate the scene
            problems.append(error)
            return
        sys.stderr.flush()
        os._exit(0)

    bpy.app.handlers.load_post.insert(0, loaded)
    try:
        bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False, use_scripts=False)
    except RuntimeError as error:
        raise SceneUnreadable(file=name, problem=error_text(error)) from error
    finally:
        bpy.app.handlers.load_post.remove(loaded)
    raise problems[0]


def read_facts(file: str) -> SceneFacts:
    """Return the facts about the open file, as `frameloom.services.scene.reader.read_scene` does."""
    scenes = [scene for scene in bpy.data.scenes if scene.library is None]
    if not scenes:
        raise SceneUnreadable(file=file, problem="it contains no scene")
    active = bpy.context.scene
    objects = bpy.data.objects
    return SceneFacts(
        file=file,
        blender_version=(bpy.data.version[0], bpy.data.version[1]),
        scenes=tuple(map(_entry, scenes)),
        active=active.name if active in scenes else scenes[0].name,
        cameras=tuple(one.name for one in objects if one.library is None and one.type == "CAMERA"),
        linked_objects=tuple(one.name for one in objects if one.library is not None),
    )


def _entry(scene: bpy.types.Scene) -> SceneEntry:
    render, image = scene.render, scene.render.image_settings
    crop = (render.border_min_x, render.border_min_y, render.border_max_x, render.border_max_y)
    return SceneEntry(
        name=scene.name,
        frame_start=scene.frame_start,
        frame_end=scene.frame_end,
        frame_step=scene.frame_step,
        fps=exact_rate(render.fps, render.fps_base),
        size=(render.resolution_x, render.resolution_y),
        percentage=render.resolution_percentage,
        engine=render.engine,
        format=image.file_format,
        exr_codec=image.exr_codec,
        camera=None if scene.camera is None or scene.camera.library is not None else scene.camera.name,
        sources=find_sources(scene),
        crop=crop if render.use_border and render.use_crop_to_border else None,
        pixel_aspect=exact_aspect(render.pixel_aspect_x, render.pixel_aspect_y),
        single_layer=render.use_single_layer,
        colours=_colours(scene),
        stamp=burnt_parts(render),
    )


def _colours(scene: bpy.types.Scene) -> Colours:
    image = scene.render.image_settings
    overrides = image.color_management == "OVERRIDE"
    owner = image if overrides else scene
    return Colours(
        display=owner.display_settings.display_device,
        view=owner.view_settings.view_transform,
        look=owner.view_settings.look,
        sequencer=scene.sequencer_colorspace_settings.name,
        linear=image.linear_colorspace_settings.name if overrides else "",
    )
