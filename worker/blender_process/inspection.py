"""Reads the facts about a scene with Blender, for files that `frameloom.services.scene.reader` cannot read.

`load_post` runs after Blender has read the file and before it evaluates the scene. The process ends there, with its
answer: nothing of an untrusted scene is evaluated, and no cache is written. Code in the scene does not run.

Blender has converted the file to its own version. If it lacks an engine or a colour name of the file, it has replaced
it; the worker refuses such a scene when it opens it to render (worker/blender_warnings.py).
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

from frameloom.model.colours import Colours, ColourSpace
from frameloom.model.errors import SceneUnreadable
from frameloom.model.scene import SceneEntry, SceneFacts
from frameloom.model.scene_json import facts_to_json
from frameloom.model.stamps import FILENAME, OF_MACHINE
from frameloom.model.view_layers import ViewLayer
from frameloom.services.scene.read_view_layers import CRYPTOMATTE, OPTIONS, PASSES, TRANSPARENT
from frameloom.services.scene.reader import read_header
from frameloom.services.scene.scene_entry import exact_aspect, exact_rate
from worker.blender_process.animation import error_text
from worker.blender_process.find_sources import find_sources
from worker.blender_process.inspected_paths import find_references
from worker.blender_process.inspected_scripts import find_scripts, node_trees
from worker.blender_process.inspected_simulations import find_simulations
from worker.blender_process.stereo import find_views

# Blender Internal, which Blender replaces by EEVEE, was the default until 2.80, and EEVEE is newer.
_FIRST_EEVEE, _INTERNAL = (2, 80), "BLENDER_RENDER"
_EEVEE = ("BLENDER_EEVEE", "BLENDER_EEVEE_NEXT")


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
            answer({"facts": _valid(facts_to_json(read_facts(name)))})
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


def _valid(facts: dict[str, Any]) -> dict[str, Any]:
    """Return facts as UTF-8 text; Blender gives paths with other bytes as surrogates, which no document can hold."""
    text = json.dumps(facts, ensure_ascii=False).encode(errors="surrogateescape").decode(errors="replace")
    valid: dict[str, Any] = json.loads(text)
    return valid


def read_facts(file: str) -> SceneFacts:
    """Return the facts about the open file, as `frameloom.services.scene.reader.read_scene` does.

    Args:
        file: the key or the name of the .blend file, from which Blender derives the folder of its caches.

    Raises:
        SceneUnreadable: the file has no scene.
    """
    scenes = [scene for scene in bpy.data.scenes if scene.library is None]
    if not scenes:
        raise SceneUnreadable(file=file, problem="it contains no scene")
    active = bpy.context.scene
    objects = bpy.data.objects
    return SceneFacts(
        file=file,
        blender_version=(bpy.data.version[0], bpy.data.version[1]),
        big_endian=read_header(Path(bpy.data.filepath)).byte_order == ">",
        scenes=tuple(map(_entry, scenes)),
        active=active.name if active in scenes else scenes[0].name,
        cameras=tuple(one.name for one in objects if one.library is None and one.type == "CAMERA"),
        # Direct links only, whose names are in the file: a library may be a foreign file of this machine.
        linked_objects=tuple(one.name for one in objects if _is_linked(one)),
        linked_groups=any(map(_is_linked, (*bpy.data.collections, *bpy.data.scenes))),
        references=find_references(file),
        scripts=find_scripts(),
        spaces=tuple(dict.fromkeys(_spaces())),
        simulations=find_simulations(),
        tree_types=tuple(_unknown_trees()),
    )


def _is_linked(block: bpy.types.ID) -> bool:
    return block.library is not None and not block.is_library_indirect


def _unknown_trees() -> set[str]:
    """Return the type that Blender gives to all node groups of add-ons that it lacks."""
    groups = (tree for tree in bpy.data.node_groups if tree.library is None)
    return {tree.bl_idname for tree in groups if tree.bl_idname == "NodeTreeUndefined"}


def strips(scene: bpy.types.Scene) -> list[Any]:
    """Return all strips of a scene, those in meta strips too."""
    editor = scene.sequence_editor
    if editor is None:
        return []
    # Blender 5 renamed them to match its interface.
    return list(editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all)


def _entry(scene: bpy.types.Scene) -> SceneEntry:
    render, image = scene.render, scene.render.image_settings
    crop = (render.border_min_x, render.border_min_y, render.border_max_x, render.border_max_y)
    older = (bpy.data.version[0], bpy.data.version[1]) < _FIRST_EEVEE
    return SceneEntry(
        name=scene.name,
        frame_start=scene.frame_start,
        frame_end=scene.frame_end,
        frame_step=scene.frame_step or 1,
        fps=exact_rate(render.fps, render.fps_base),
        size=(render.resolution_x, render.resolution_y),
        percentage=render.resolution_percentage,
        engine=_INTERNAL if older and render.engine in _EEVEE else render.engine,
        format=image.file_format,
        exr_codec=image.exr_codec,
        camera=None if scene.camera is None else scene.camera.name,
        exr_preview=getattr(image, "use_preview", False),
        sources=find_sources(scene),
        crop=crop if render.use_border and render.use_crop_to_border else None,
        pixel_aspect=exact_aspect(render.pixel_aspect_x, render.pixel_aspect_y),
        single_layer=render.use_single_layer,
        colours=_colours(scene),
        views=find_views(scene),
        stamp=_stamp(render),
        view_layers=tuple(map(_view_layer, scene.view_layers)),
        options=tuple(_options(render)),
        color_mode=image.color_mode,
        color_depth=image.color_depth,
        marker_cameras=tuple(dict.fromkeys(one.camera.name for one in scene.timeline_markers if one.camera)),
        time_stretching=(render.frame_map_old, render.frame_map_new),
    )


def _view_layer(layer: bpy.types.ViewLayer) -> ViewLayer:
    # Versions of Blender differ in a few passes.
    kinds = {**PASSES, **CRYPTOMATTE}.items()
    passes = [name for kind, (name, _) in kinds if getattr(layer, f"use_pass_{kind}", False)]
    passes += [part.name for part in (*layer.aovs, *layer.lightgroups)]
    return ViewLayer(name=layer.name, rendered=layer.use, passes=tuple(passes))


def _options(render: bpy.types.RenderSettings) -> Iterator[str]:
    for attribute, (name, _) in OPTIONS.items():
        if getattr(render, attribute):
            yield name
    if getattr(render, TRANSPARENT[0]):
        yield TRANSPARENT[1]


def _stamp(render: bpy.types.RenderSettings) -> tuple[str, ...]:
    names = {**OF_MACHINE, "use_stamp_filename": FILENAME}
    return tuple(part for name, part in names.items() if getattr(render, name)) if render.use_stamp else ()


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
        exposure=round(owner.view_settings.exposure, 6),
        gamma=round(owner.view_settings.gamma, 6),
    )


def _spaces() -> Iterator[ColourSpace]:
    for kind, owners in (("image", bpy.data.images), ("movie clip", bpy.data.movieclips)):
        for owner in owners:
            name = owner.colorspace_settings.name
            if owner.library is None and name and getattr(owner, "source", "") != "VIEWER":
                yield ColourSpace(owner=f"{kind} {owner.name!r}", name=name)
    for owner, name in (*_strip_spaces(), *_node_spaces()):
        if name:
            yield ColourSpace(owner=owner, name=name)


def _strip_spaces() -> Iterator[tuple[str, str]]:
    for scene in bpy.data.scenes:
        for strip in strips(scene) if scene.library is None else ():
            yield "a strip", getattr(getattr(strip, "colorspace_settings", None), "name", "")


def _node_spaces() -> Iterator[tuple[str, str]]:
    for owner, tree in node_trees():
        for node in tree.nodes if owner.library is None else ():
            if node.bl_idname == "CompositorNodeConvertColorSpace":
                for name in (node.from_color_space, node.to_color_space):
                    yield "a node that converts colour spaces", name
