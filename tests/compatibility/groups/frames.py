"""Frames and time."""

from tests.compatibility.rows import Group, Stage

rows = Group("Frames and time")


@rows.same("Frame range")
def _(s: Stage) -> None:
    del s


@rows.same("Frame step", frames=(1, 5))
def _(s: Stage) -> None:
    s.scene.frame_step = 2


@rows.same("Frames chosen by the job", request={"frames": "2-4:2,7"})
def _(s: Stage) -> None:
    del s


@rows.same("Negative frames", request={"frames": "-2--1"})
def _(s: Stage) -> None:
    s.key(s.cube, "location", {-4: (0, 0, 0), 0: (1, 0, 0)})


@rows.same("Frames of six digits", frames=(123456, 123458))
def _(s: Stage) -> None:
    s.key(s.cube, "location", {123456: (0, 0, 0), 123458: (1, 0, 0)})


@rows.same("Time stretching (Frame remapping)", frames=(1, 4))
def _(s: Stage) -> None:
    s.render.frame_map_old, s.render.frame_map_new = 100, 50


@rows.same("Frame rate with a base (23.976)")
def _(s: Stage) -> None:
    s.render.fps, s.render.fps_base = 24, 1.001


@rows.same("A scene saved between two frames")
def _(s: Stage) -> None:
    s.scene.frame_set(2, subframe=0.5)


@rows.same("Motion Blur", samples=4)
def _(s: Stage) -> None:
    s.render.use_motion_blur, s.render.motion_blur_shutter = True, 1.5


@rows.same("Motion Blur, Position Start on Frame, deforming mesh", samples=4)
def _(s: Stage) -> None:
    s.render.use_motion_blur, s.render.motion_blur_position = True, "START"
    s.cube.shape_key_add(name="Basis")
    moved = s.cube.shape_key_add(name="Moved")
    moved.data[0].co.x = -3
    s.key(moved, "value", {1: 0.0, 3: 1.0})


@rows.same("Motion Blur, Rolling Shutter", samples=4)
def _(s: Stage) -> None:
    s.render.use_motion_blur, s.scene.cycles.rolling_shutter_type = True, "TOP"


@rows.same("Preview range and current frame")
def _(s: Stage) -> None:
    s.scene.use_preview_range, s.scene.frame_preview_start, s.scene.frame_preview_end = True, 2, 2
    s.scene.frame_current = 9


@rows.same("Markers that bind cameras")
def _(s: Stage) -> None:
    other = s.add("Side", s.data.cameras.new("Side"))
    other.location, other.rotation_euler = (6, 0, 0), (1.57, 0, 1.57)
    for frame, camera in ((1, s.camera), (2, other)):
        s.scene.timeline_markers.new(f"{frame}", frame=frame).camera = camera


@rows.same("Animated visibility (Disable in Renders)")
def _(s: Stage) -> None:
    other = s.add("Other", s.cube_mesh("Other", 0.5))
    other.location.z = 1.5
    s.key(other, "hide_render", {1: False, 2: True, 3: False})


@rows.same("F-Curve modifiers: Cycles and Noise")
def _(s: Stage) -> None:
    s.key(s.cube, "location", {1: (0, 0, 0), 2: (1, 0, 0)})
    for curve in s.curves(s.cube):
        if curve.data_path == "location":
            curve.modifiers.new("CYCLES")
            curve.modifiers.new("NOISE").strength = 0.4


@rows.same("NLA strips")
def _(s: Stage) -> None:
    data = s.cube.animation_data
    action = data.action
    strip = data.nla_tracks.new().strips.new("Turn", 1, action)
    data.action = None
    strip.scale, strip.repeat, strip.use_reverse = 0.3, 2.0, True


@rows.same("Drivers with simple expressions")
def _(s: Stage) -> None:
    s.cube.driver_add("location", 2).driver.expression = "sin(frame) * 0.7 if frame > 1 else 0.2"


@rows.same("Drivers with variables and no expression")
def _(s: Stage) -> None:
    driver = s.cube.driver_add("scale", 0).driver
    driver.type, variable = "AVERAGE", driver.variables.new()
    variable.type, variable.targets[0].id, variable.targets[0].transform_type = "TRANSFORMS", s.cube, "ROT_Z"


@rows.refused("Drivers with Python", "InvalidRequest", "trusts")
def _(s: Stage) -> None:
    s.cube.driver_add("location", 2).driver.expression = "len(str(frame)) * 0.3"


@rows.same("Drivers with Python, trusted", request={"trust_scripts": True})
def _(s: Stage) -> None:
    s.cube.driver_add("location", 2).driver.expression = "len(str(frame)) * 0.3"


@rows.same("Drivers with Python, left out", request={"trust_scripts": False})
def _(s: Stage) -> None:
    s.cube.driver_add("location", 2).driver.expression = "len(str(frame)) * 0.3"


HANDLER = """
import bpy
def turn(scene, graph):
    bpy.data.objects["Cube"].location.x = (scene.frame_current % 3) * 0.4
bpy.app.handlers.frame_change_pre.append(turn)
"""


def _script(s: Stage) -> None:
    text = s.data.texts.new("handlers.py")
    text.from_string(HANDLER)
    text.use_module = True


rows.refused("Registered scripts with handlers", "InvalidRequest", "handlers.py")(_script)
rows.same("Registered scripts with handlers, trusted", request={"trust_scripts": True})(_script)
