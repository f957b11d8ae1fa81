"""A process of Blender that builds the scenes of rows, or renders them as Blender's command line does.

It takes commands as JSON lines, and answers each with one line, `{"error": TEXT or null, "seconds": processor time}`:

    {"do": "build", "row": id, "path"}
    {"do": "render", "path", "folder", "request": the job's options}
"""

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import bpy

from frameloom.model.frames import FrameRange
from tests.compatibility.rows import all_rows
from tests.compatibility.stage import EEVEE, build

ENGINES = {"CYCLES": "CYCLES", "EEVEE": EEVEE, "WORKBENCH": "BLENDER_WORKBENCH"}


def main() -> None:
    """Answer commands until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        command, error, begun = json.loads(line), None, time.process_time()
        try:
            if command["do"] == "build":
                build(all_rows()[command["row"]], Path(command["path"]))
            else:
                render(Path(command["path"]), Path(command["folder"]), command["request"])
        except Exception:  # noqa: BLE001  the row shows it
            error = traceback.format_exc()
        print(json.dumps({"error": error, "seconds": time.process_time() - begun}), file=answers, flush=True)
    # An ordinary exit can hang in Blender.
    os._exit(0)


def render(path: Path, folder: Path, request: dict[str, Any]) -> None:
    """Render a file to `folder` as `blender -b PATH -S scene -E engine -F format -s first -e last -j step -a` does."""
    open_file(path, trusted=bool(request.get("trust_scripts")))
    if "scene" in request:
        bpy.context.window.scene = bpy.data.scenes[request["scene"]]
    scene = bpy.context.scene
    if "engine" in request:
        scene.render.engine = ENGINES[request["engine"]]
    if "camera" in request:
        scene.camera = bpy.data.objects[request["camera"]]
    if "samples" in request:
        scene.cycles.samples = scene.eevee.taa_render_samples = request["samples"]
    if "resolution_percentage" in request:
        scene.render.resolution_percentage = request["resolution_percentage"]
    _set_format(scene, request.get("format", "PNG"))
    # The command line renders all layers.
    for each in bpy.data.scenes:
        each.render.use_single_layer = False
    # A farm's frames always have their extension.
    scene.render.use_file_extension = True
    scene.render.filepath = str(folder / "######")
    spans = FrameRange.parse(request["frames"]).spans if "frames" in request else [None]
    for span in spans:
        if span is not None and span[0] < 0:
            _render_stills(scene, span, folder)
            continue
        if span is not None:
            scene.frame_end, scene.frame_start, scene.frame_step = span[-1], span[0], span.step
        bpy.ops.render.render(animation=True)


def open_file(path: Path, *, trusted: bool = False) -> None:
    """Open a file as the command line does, which goes on after errors about single data-blocks."""
    try:
        bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False, use_scripts=trusted)
    except RuntimeError:
        if bpy.data.filepath != str(path):
            raise


def _render_stills(scene: Any, frames: range, folder: Path) -> None:
    """Render frames below 0, which no animation of Blender's has."""
    for frame in frames:
        scene.frame_set(frame)
        scene.render.filepath = str(folder / f"{frame:06d}")
        bpy.ops.render.render(write_still=True)


def _set_format(scene: Any, wanted: str) -> None:
    image = scene.render.image_settings
    if image.file_format == wanted:
        return
    if hasattr(image, "media_type"):
        image.media_type = "IMAGE"
    image.file_format = wanted


if __name__ == "__main__":
    main()
