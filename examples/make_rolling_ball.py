"""Make `examples/rolling_ball.blend`: a temari ball rolls through toy arches and lays down its thread.

Run from a checkout, with Blender 4.5 as a module: `.venv/bin/python examples/make_rolling_ball.py`.

Everything is procedural: the scene needs no texture, font, library or script outside the file, and the
same script makes the same pixels each time. Lengths are in Blender units, angles in radians.
"""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from math import atan2, pi, sin
from pathlib import Path
from typing import Any

import bpy  # isort: skip  # first: it makes bmesh and mathutils importable
import bmesh
from mathutils import Quaternion, Vector
from shading import Colour, Shader, bare, finish, rgba
from shapes import arch, box, cone, show, solid, sphere

FIRST, LAST, FPS = 1, 48, 24
RADIUS = 0.70  # of the ball
SPEED = 0.17  # of the ball along its track, per frame
START = 9.2  # length of track behind the ball on the first frame
STEP = 0.01  # between two points of the track
THREAD = 0.042  # radius of the thread

INK = (0.012, 0.018, 0.075)
CREAM = (0.86, 0.74, 0.56)
CORAL = (0.80, 0.115, 0.060)
BLUSH = (0.84, 0.36, 0.27)
GOLD = (0.86, 0.42, 0.055)
TEAL = (0.010, 0.155, 0.175)
MINT = (0.22, 0.50, 0.42)
PLASTER = (0.72, 0.40, 0.30)
STONE = (0.74, 0.62, 0.50)
WHITE = (0.90, 0.86, 0.80)


def painted(name: str, colour: Colour) -> Any:
    """Return matt paint."""
    material, paint = bare(name)
    finish(paint, rgba(colour))
    return material


def temari() -> Any:
    """Return the ball's silk: six eight-pointed stars, one at each end of each axis, on indigo.

    The sphere is folded onto one eighth of a cube's face by sorting |x|, |y|, |z|: the largest gives
    the distance from the nearest star's centre, the other two the angle around it.
    """
    material, silk = bare("Temari")
    x, y, z = (abs(axis) for axis in silk.term("TexCoord", {}, "Object").xyz())
    high = silk.math("MAXIMUM", silk.math("MAXIMUM", x, y), z)
    low = silk.math("MINIMUM", silk.math("MINIMUM", x, y), z)
    middle = x + y + z - high - low
    away = silk.math("ARCCOSINE", high * (1 / RADIUS))  # 0 at a star's centre, 0.955 at the cube's corners
    around = silk.math("ARCTAN2", low, middle)  # 0 to pi/4
    ring = away + abs(around - pi / 8) * (-0.20 * 8 / pi) + 0.20  # every pi/4, a point reaches out
    stars = []
    for main, pale in ((CORAL, BLUSH), (GOLD, CREAM), (TEAL, MINT)):
        inner = [(0.0, GOLD), (0.13, CREAM), (0.21, main), (0.35, pale), (0.43, CREAM)]
        stars.append(silk.bands(ring, [*inner, (0.50, INK), (0.56, main), (0.675, CREAM), (0.735, INK)]))
    colour = silk.mix(y > silk.math("MAXIMUM", x, z), stars[0], stars[1])
    colour = silk.mix(z > silk.math("MAXIMUM", x, y), colour, stars[2])
    finish(silk, silk.mix((high - middle) < 0.018, colour, GOLD), 0.05, 0.22)
    return material


def terrazzo() -> Any:
    """Return the floor: stone chips in the scene's own colours, in large slabs with brass joints."""
    material, stone = bare("Terrazzo")
    at = stone.term("TexCoord", {}, "Object")
    where = {"Vector": at, "Scale": 6.5}
    pick, size, _ = stone.term("TexVoronoi", where, "Color", voronoi_dimensions="2D").xyz()
    depth = stone.term("TexVoronoi", where, "Distance", voronoi_dimensions="2D", feature="DISTANCE_TO_EDGE")
    chips = [(0.0, CORAL), (0.07, TEAL), (0.14, GOLD), (0.20, BLUSH), (0.28, MINT), (0.34, WHITE), (0.5, STONE)]
    colour = stone.mix(depth > size * 0.22 + 0.08, STONE, stone.bands(pick, chips))
    x, y, _ = at.xyz()
    joint = stone.math("MINIMUM", *(stone.math("PINGPONG", axis, 1.6) for axis in (x, y))) < 0.012
    finish(stone, stone.mix(joint, colour, GOLD), 0.06)
    return material


# --- motion -------------------------------------------------------------------------------------------


def wave(x: float) -> float:
    """Return the track's y: the ball weaves, as a shuttle does."""
    return 1.15 * sin(0.68 * x + 0.4)


def track() -> list[Vector]:
    """Return points on the floor, `STEP` apart, along the ball's way."""
    x, points = -10.5, []
    while x < 9:
        points.append(Vector((x, wave(x), 0)))
        slope = (wave(x + 1e-4) - wave(x - 1e-4)) / 2e-4
        x += STEP / (1 + slope * slope) ** 0.5
    return points


def travelled(frame: int) -> float:
    """Return the length of track behind the ball at a frame."""
    return START + (frame - FIRST) * SPEED


def roll(ball: Any, points: list[Vector]) -> None:
    """Key the ball on every frame so that it rolls without slipping.

    Each step of length s turns it by s / radius about the level axis at right angles to the step, so
    that the point where it touches the floor is at rest.
    """
    ball.rotation_mode = "QUATERNION"
    turned = Quaternion((0.74, -0.30, 0.45, 0.40)).normalized()  # a star faces the camera
    # Motion blur samples the frames before the first and after the last.
    frames = range(FIRST - 1, LAST + 2)
    done = round(travelled(frames[0]) / STEP)
    for frame in frames:
        goal = round(travelled(frame) / STEP)
        for here, there in pairwise(points[done : goal + 1]):
            axis = Vector((0, 0, 1)).cross(there - here).normalized()
            turned = (Quaternion(axis, (there - here).length / RADIUS) @ turned).normalized()
        done = goal
        # q and -q are one rotation, but the way from q to -q is a spin.
        turned.make_compatible(ball.rotation_quaternion)
        ball.rotation_quaternion = turned
        ball.location = points[goal] + Vector((0, 0, RADIUS))
        ball.keyframe_insert("rotation_quaternion", frame=frame)
        ball.keyframe_insert("location", frame=frame)
    go_evenly(ball)


def go_evenly(thing: Any) -> None:
    """Make the interpolation of every key linear."""
    for curve in thing.animation_data.action.fcurves:
        for key in curve.keyframe_points:
            key.interpolation = "LINEAR"


def lay_thread(points: list[Vector], material: Any) -> None:
    """Add the thread: a tube along the track that grows to where the ball touches the floor."""
    data = bpy.data.curves.new("Thread", "CURVE")
    data.dimensions, data.bevel_depth, data.bevel_resolution = "3D", THREAD, 3
    data.bevel_factor_mapping_end = "SPLINE"
    knots = points[: round(travelled(LAST + 1) / STEP) + 1 : 4]
    line = data.splines.new("POLY")
    line.points.add(len(knots) - 1)
    for knot, point in zip(line.points, knots, strict=True):
        knot.co = (point.x, point.y, THREAD, 1)
    for frame in (FIRST - 1, LAST + 1):
        data.bevel_factor_end = travelled(frame) / ((len(knots) - 1) * 4 * STEP)
        data.keyframe_insert("bevel_factor_end", frame=frame)
    go_evenly(data)
    data.materials.append(material)
    show("Thread", data, (0, 0, 0))


# --- the scene ----------------------------------------------------------------------------------------


def build_toys(points: list[Vector]) -> None:
    """Set arches over the track and toys behind it."""
    coral, blush, gold, teal, mint, cream = (
        painted(name, colour)
        for name, colour in (
            ("Coral", CORAL),
            ("Blush", BLUSH),
            ("Gold", GOLD),
            ("Teal", TEAL),
            ("Mint", MINT),
            ("Cream", CREAM),
        )
    )
    lay_thread(points, coral)
    for length, paint in ((3.2, mint), (5.9, gold), (8.7, coral), (15.2, teal)):
        n = round(length / STEP)
        heading = points[n + 1] - points[n - 1]
        turn = atan2(heading.y, heading.x)
        arch("Arch", (0.92, 1.28), paint, points[n], turn, legs=0.75, depth=0.62)
    for radius, paint in ((2.6, teal), (2.1, coral), (1.6, gold), (1.1, cream)):
        arch("Rainbow", (radius - 0.5, radius - 0.015), paint, (-3.3, 5.4, 0), 1.25, legs=0.35, depth=0.7)
    cone("Column", (0.5, 0.5), 2.0, cream, (1.4, 4.6, 0))
    sphere("Orb", 0.46, coral, (1.4, 4.6, 2.46))
    cone("Fir", (0.75, 0.0), 2.1, mint, (3.4, 5.6, 0))
    cone("Young fir", (0.5, 0.0), 1.35, teal, (4.4, 4.5, 0))
    for n in range(4):
        box("Stair", (0.6, 1.6, 0.4 * (n + 1)), blush, (7.4 - 0.6 * n, 5.6, 0))
    box("Block", (0.8, 0.8, 0.8), gold, (-6.5, 3.4, 0), 0.5)


def build_room() -> None:
    """Add the floor and the wall behind."""
    floor = bmesh.new()
    bmesh.ops.create_grid(floor, x_segments=1, y_segments=1, size=40)
    solid("Floor", floor, terrazzo(), (0, 0, 0), rounded=False)
    wall = bmesh.new()
    bmesh.ops.create_cube(wall, size=1)
    bmesh.ops.scale(wall, vec=(80, 0.2, 30), verts=wall.verts)
    solid("Wall", wall, painted("Plaster", PLASTER), (0, 9, 15), rounded=False)


def build_sunlight() -> None:
    """Light the scene by a low sun through a window: a far lamp that projects the panes.

    A window of real bars would double the render time, since their shadows fall on everything.
    """
    far, beam = 40, Vector((0.62, 0.72, -0.50)).normalized()
    data = bpy.data.lights.new("Sun", "POINT")
    data.energy, data.shadow_soft_size, data.color = 1.0, 0.5, (1.0, 0.74, 0.47)
    lamp = show("Sun", data, Vector((1.2, 0.6, 0)) - beam * far)
    lamp.rotation_euler = beam.to_track_quat("-Z", "Y").to_euler()
    data.use_nodes = True
    slide = Shader(data.node_tree)
    x, y, z = slide.term("TexCoord", {}, "Normal").xyz()
    x, y = (slide.math("DIVIDE", axis, z) * far for axis in (x, y))
    panes = slide.ease(slide.math("PINGPONG", x, 1.3), 0.14, 0.34)
    panes *= slide.ease(slide.math("PINGPONG", y, 1.05), 0.14, 0.34)
    frame = slide.ease(abs(x), 11.7, 11.3) * slide.ease(abs(y), 6.4, 6.1)
    slide.feed(data.node_tree.nodes["Emission"], {"Strength": panes * frame * 150_000.0})


def build_sky() -> None:
    """Fill the shadows with blue, and add four bright panes that only reflections show."""
    world = bpy.data.worlds.new("Sky")
    world.use_nodes = True
    world.cycles.sampling_method = "NONE"
    Shader(world.node_tree).feed(
        world.node_tree.nodes["Background"], {"Color": rgba((0.62, 0.70, 1.0)), "Strength": 0.42}
    )
    bpy.context.scene.world = world
    material, glow = bare("Glow")
    shine = glow.term("Emission", {"Color": rgba((1, 0.86, 0.70)), "Strength": 20.0})
    glow.feed(material.node_tree.nodes["Material Output"], {"Surface": shine})
    material.cycles.emission_sampling = "NONE"
    for x in (-7.0, -4.6):
        for z in (4.6, 7.0):
            pane = box("Pane", (2.0, 0.05, 2.0), material, (x, -9.0, z))
            pane.visible_camera = pane.visible_diffuse = pane.visible_shadow = False


def build_camera(ball: Any) -> None:
    """Move the camera along with the ball, a little slower, and focus on the ball."""
    camera = show("Camera", bpy.data.cameras.new("Camera"), (0, 0, 0))
    aim = show("Aim", None, (0, 0, 0))
    for frame, spot, look in (
        (FIRST, (5.2, -6.6, 3.0), (-1.1, 0.4, 0.95)),
        (LAST, (9.4, -6.8, 3.2), (4.2, 0.4, 0.95)),
    ):
        for thing, place in ((camera, spot), (aim, look)):
            thing.location = place
            thing.keyframe_insert("location", frame=frame)
    go_evenly(camera)
    go_evenly(aim)
    gaze = camera.constraints.new("TRACK_TO")
    gaze.target, gaze.track_axis, gaze.up_axis = aim, "TRACK_NEGATIVE_Z", "UP_Y"
    camera.data.lens = 44
    lens = camera.data.dof
    lens.use_dof, lens.focus_object, lens.aperture_fstop = True, ball, 0.35
    bpy.context.scene.camera = camera


def set_up_render() -> None:
    """Set 640x360 PNG by Cycles, with eight samples and a denoiser, for short render times."""
    scene = bpy.context.scene
    scene.name = "Rolling ball"
    scene.frame_start, scene.frame_end, scene.frame_current = FIRST, LAST, FIRST
    scene.view_settings.view_transform, scene.view_settings.look = "AgX", "AgX - Medium High Contrast"
    render, cycles, image = scene.render, scene.cycles, scene.render.image_settings
    render.engine, render.filepath = "CYCLES", "//"
    render.fps, render.resolution_x, render.resolution_y, render.resolution_percentage = FPS, 640, 360, 100
    image.file_format, image.color_mode, image.color_depth = "PNG", "RGB", "8"
    # No stamp: it would store the date, the machine's name and its folders in the images.
    for name in dir(render):
        if name.startswith("use_stamp"):
            setattr(render, name, False)
    render.use_persistent_data = True
    render.use_motion_blur, render.motion_blur_shutter = True, 0.25
    # One noise pattern for all frames, so that the remaining noise does not flicker.
    cycles.device, cycles.samples, cycles.seed, cycles.use_animated_seed = "CPU", 8, 1, False
    cycles.use_adaptive_sampling = cycles.use_light_tree = False
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_prefilter, cycles.denoising_quality = "ACCURATE", "BALANCED"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 3, 2, 2
    cycles.transmission_bounces = cycles.transparent_max_bounces = 0
    cycles.caustics_reflective = cycles.caustics_refractive = False


def main() -> None:
    """Build the scene and save it beside this script."""
    # Blender saves the user's home folder with its windows.
    os.environ["HOME"] = "/"
    bpy.ops.wm.read_factory_settings(use_empty=True)
    points = track()
    ball = sphere("Ball", RADIUS, temari(), (0, 0, RADIUS))
    roll(ball, points)
    build_toys(points)
    build_room()
    build_sunlight()
    build_sky()
    build_camera(ball)
    set_up_render()
    target = Path(__file__).resolve().with_name("rolling_ball.blend")
    bpy.context.preferences.filepaths.save_version = 0  # no .blend1
    bpy.ops.wm.save_as_mainfile(filepath=str(target), compress=True)
    print(f"{target.name}: {target.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # bpy 4.5 may hang when the interpreter ends
