"""Makes the scenes of the benchmarks.

python -m benchmarks.scenes tiny|idle OUT.blend

tiny: 64x36 pixels, one sample, so that Blender itself takes almost nothing. idle: as small, and a second's work for one
core before each frame renders, while the others have nothing to do.
"""

import os
import sys

import bpy


def main() -> None:
    """Write the scene."""
    kind, out = sys.argv[1:]
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    scene.render.resolution_x, scene.render.resolution_y = 64, 36
    scene.frame_start, scene.frame_end = 1, 100
    {"tiny": _turn, "idle": _reshape}[kind](bpy.data.objects["Cube"])
    bpy.ops.wm.save_as_mainfile(filepath=os.path.abspath(out))  # noqa: PTH100
    sys.stderr.flush()
    os._exit(0)


def _turn(cube: bpy.types.Object) -> None:
    cube.keyframe_insert("rotation_euler", frame=1)
    cube.rotation_euler.z = 6.28
    cube.keyframe_insert("rotation_euler", frame=101)


def _reshape(cube: bpy.types.Object) -> None:
    """Give the cube 100,000 faces and decimate them more each frame, which Blender does on one core."""
    finer = cube.modifiers.new("finer", "SUBSURF")
    finer.levels = finer.render_levels = 7
    coarser = cube.modifiers.new("coarser", "DECIMATE")
    for frame, ratio in ((1, 0.4), (101, 0.1)):
        coarser.ratio = ratio
        coarser.keyframe_insert("ratio", frame=frame)


if __name__ == "__main__":
    main()
