"""A process of Blender that lists the facts of a scene and renders frames of it, as plain Blender does.

It takes commands as JSON lines, and answers each with one line:

    {"do": "facts", "path"} -> {"facts": ...} or {"error": text}
    {"do": "render", "path", "folder", "request": the job's options} -> {"error": text or null}
"""

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import bpy

from tests.compatibility.blender_server import open_file, render


def main() -> None:
    """Answer commands until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        command = json.loads(line)
        answer: dict[str, Any] = {"error": None}
        try:
            if command["do"] == "facts":
                answer["facts"] = facts(Path(command["path"]))
            else:
                render(Path(command["path"]), Path(command["folder"]), command["request"])
        except RuntimeError as error:
            answer["error"] = " ".join(str(error).removeprefix("Error: ").split())
        except Exception:  # noqa: BLE001  the table shows it
            answer["error"] = traceback.format_exc().strip().splitlines()[-1]
        print(json.dumps(answer), file=answers, flush=True)
    # An ordinary exit can hang in Blender.
    os._exit(0)


def facts(path: Path) -> dict[str, Any]:
    """Return the facts about a file that a job needs, as JSON, by the names of `SceneFacts` and `SceneEntry`."""
    open_file(path)
    return {
        "scenes": [_scene(scene) for scene in bpy.data.scenes if scene.library is None],
        "active": bpy.context.scene.name,
        "cameras": sorted(one.name for one in bpy.data.objects if one.type == "CAMERA" and one.library is None),
        "files": sorted(_files()),
        "scripts": bpy.app.autoexec_fail_message if bpy.app.autoexec_fail else "",
        "simulations": sorted(set(_simulations())),
    }


def _files() -> set[str]:
    """Return the absolute paths of all external files, except Blender's own, such as brushes."""
    own = bpy.utils.resource_path("LOCAL")
    paths = {os.path.normpath(path) for path in bpy.utils.blend_paths(absolute=True, packed=False)}
    return {path for path in paths if not path.startswith(own)}


def _scene(scene: Any) -> dict[str, Any]:
    render, image = scene.render, scene.render.image_settings
    crop = None
    if render.use_border and render.use_crop_to_border:
        crop = [render.border_min_x, render.border_min_y, render.border_max_x, render.border_max_y]
    return {
        "name": scene.name,
        "frame_start": scene.frame_start,
        "frame_end": scene.frame_end,
        "frame_step": scene.frame_step,
        "fps": render.fps / render.fps_base,
        "size": [render.resolution_x, render.resolution_y],
        "percentage": render.resolution_percentage,
        "engine": render.engine,
        "format": image.file_format,
        "exr_codec": image.exr_codec,
        "camera": None if scene.camera is None else scene.camera.name,
        "crop": crop,
        "pixel_aspect": render.pixel_aspect_x / render.pixel_aspect_y,
        "single_layer": render.use_single_layer,
    }


def _simulations() -> list[str]:
    """Return the kinds of simulation in the file: their frames depend on the frames before them."""
    found = []
    for one in bpy.data.objects:
        found += [each.type for each in one.modifiers if each.type in _SIMULATING]
        found += ["RIGID_BODY" for _ in (one.rigid_body,) if one.rigid_body is not None]
    for tree in bpy.data.node_groups:
        found += ["SIMULATION_ZONE" for node in tree.nodes if node.bl_idname == "GeometryNodeSimulationOutput"]
    return found


_SIMULATING = {"PARTICLE_SYSTEM", "CLOTH", "SOFT_BODY", "FLUID", "DYNAMIC_PAINT"}

if __name__ == "__main__":
    main()
