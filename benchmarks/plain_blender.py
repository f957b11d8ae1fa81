"""Renders frames without a farm, in the fastest known way: one process that opens the file once.

python -m benchmarks.plain_blender SCENE.blend FIRST LAST OUT [RESOLUTION SAMPLES]
"""

import os
import sys

import bpy


def main() -> None:
    """Render the frames as `blender -b SCENE -s FIRST -e LAST -o OUT/ -a` does."""
    scene_file, first, last, out, *settings = sys.argv[1:]
    bpy.ops.wm.open_mainfile(filepath=os.path.abspath(scene_file), load_ui=False, use_scripts=False)  # noqa: PTH100
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = int(first), int(last)
    scene.render.filepath = os.path.join(os.path.abspath(out), "")  # noqa: PTH100, PTH118  Blender takes a prefix
    scene.render.image_settings.file_format = "PNG"
    if settings:
        scene.render.resolution_percentage, scene.cycles.samples = map(int, settings)
    bpy.ops.render.render(animation=True)
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
