"""Makes the scene of the overhead rows: 64x36 pixels, one sample, so that Blender itself takes almost nothing.

python -m benchmarks.tiny_scene OUT.blend
"""

import os
import sys

import bpy


def main() -> None:
    """Write the scene: Blender's own default one, as small as it renders, with a cube that turns."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    scene.render.resolution_x, scene.render.resolution_y = 64, 36
    scene.frame_start, scene.frame_end = 1, 100
    cube = bpy.data.objects["Cube"]
    cube.keyframe_insert("rotation_euler", frame=1)
    cube.rotation_euler.z = 6.28
    cube.keyframe_insert("rotation_euler", frame=101)
    bpy.ops.wm.save_as_mainfile(filepath=os.path.abspath(sys.argv[1]))  # noqa: PTH100
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
