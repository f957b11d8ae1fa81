"""The Blender side of `tests.scenes`: one recipe a line in, one answer a line out, until the input ends."""

import json
import os
import sys
import traceback
from fractions import Fraction
from math import ceil
from typing import Any

import bpy

# Positions of cameras that show the cube; the first is the position of each scene's own camera.
PLACES = [(0.0, -6.0, 0.0), (6.0, -6.0, 0.0), (0.0, -6.0, 6.0), (-6.0, -6.0, 0.0)]
COLOURS = [(0.8, 0.2, 0.1), (0.1, 0.7, 0.2), (0.1, 0.3, 0.8)]


def make(recipe: dict[str, Any]) -> None:
    """Write the file that a recipe asks for."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    first = bpy.context.scene
    scenes = [first, *(bpy.data.scenes.new(name) for name in recipe["scenes"][1:])]
    first.name = recipe["scenes"][0]
    for number, scene in enumerate(scenes):
        _settings(scene, recipe)
        _contents(scene, number, recipe)
    for number, name in enumerate(recipe["cameras"], start=1):
        _camera(first, name, PLACES[number % len(PLACES)])
    for number in range(recipe["objects"]):
        first.collection.objects.link(bpy.data.objects.new(f"Empty {number}", None))
    if recipe["active"] is not None:
        bpy.context.window.scene = bpy.data.scenes[recipe["active"]]
    if recipe["script"] is not None:
        text = bpy.data.texts.new("startup.py")
        text.from_string(recipe["script"])
        text.use_module = True
    _spoil(first, recipe)
    if recipe["driver"] is not None:
        bpy.data.objects["Cube"].driver_add("location", 2).driver.expression = recipe["driver"]
    if recipe["style"] is not None:
        text = bpy.data.texts.new("style.py")
        text.from_string(recipe["style"])
        first.render.use_freestyle = first.view_layers[0].use_freestyle = True
        first.view_layers[0].freestyle_settings.mode = "SCRIPT"
        first.view_layers[0].freestyle_settings.modules.new().script = text
    _refer(first, recipe)
    if recipe["also"] is not None:
        exec(recipe["also"], {"bpy": bpy, "scene": first, "path": recipe["path"]})  # noqa: S102  the test's own words
    if recipe["render"]:
        first.render.filepath = recipe["path"]
        bpy.ops.render.render(write_still=True)
    else:
        bpy.ops.wm.save_as_mainfile(filepath=recipe["path"], compress=recipe["compress"])


def _settings(scene: Any, recipe: dict[str, Any]) -> None:
    render = scene.render
    # The end first: a start beyond it would move it along.
    scene.frame_end, scene.frame_start, scene.frame_step = (
        recipe["frames"][1],
        recipe["frames"][0],
        recipe["step"],
    )
    fps = Fraction(recipe["fps"])
    render.fps, render.fps_base = ceil(fps), float(ceil(fps) / fps)
    render.resolution_x, render.resolution_y = recipe["size"]
    render.resolution_percentage = recipe["percentage"]
    render.engine = recipe["engine"]
    render.image_settings.file_format = recipe["format"]
    if recipe["render"]:
        render.image_settings.color_depth, render.use_file_extension = recipe["depth"], False
    if recipe["codec"] is not None:
        render.image_settings.exr_codec = recipe["codec"]
    if recipe["crop"] is not None:
        render.use_border = render.use_crop_to_border = True
        render.border_min_x, render.border_min_y, render.border_max_x, render.border_max_y = recipe["crop"]
    scene.cycles.samples, scene.cycles.use_denoising = recipe["samples"], False
    scene.view_settings.view_transform = "Standard"


def _contents(scene: Any, number: int, recipe: dict[str, Any]) -> None:
    label = "" if number == 0 else f"{scene.name} "
    _cube(scene, f"{label}cube" if label else "Cube", number, recipe)
    if recipe["subdivisions"]:
        _divide(bpy.data.objects["Cube"], recipe["subdivisions"])
    sun = bpy.data.objects.new(f"{label}Sun", bpy.data.lights.new(f"{label}Sun", "SUN"))
    sun.data.energy, sun.rotation_euler = 3.0, (0.9, 0.3, 0.0)
    scene.collection.objects.link(sun)
    scene.world = bpy.data.worlds.new(f"{label}World")
    if recipe["camera"]:
        scene.camera = _camera(scene, f"{label}camera" if label else "Camera", PLACES[0])


def _divide(cube: Any, times: int) -> None:
    divided = cube.modifiers.new("Subdivision", "SUBSURF")
    # As they render and not as they are saved.
    divided.levels, divided.render_levels = 0, times


def _spoil(scene: Any, recipe: dict[str, Any]) -> None:
    """Hide the cube in some frames, and make some frames invalid pictures."""
    for frame in recipe["hidden"]:
        for at in (frame - 1, frame, frame + 1):
            bpy.data.objects["Cube"].hide_render = at in recipe["hidden"]
            bpy.data.objects["Cube"].keyframe_insert("hide_render", frame=at)
    if recipe["broken"]:
        _break(scene, recipe["broken"])


def _break(scene: Any, frames: list[int]) -> None:
    """Make each pixel x² - x² + mask, with x as the cube's mask times a value whose square overflows, in `frames`."""
    scene.use_nodes = scene.render.film_transparent = True
    tree = scene.node_tree
    tree.nodes.clear()
    layers, output, size = (tree.nodes.new(f"CompositorNode{name}") for name in ("RLayers", "Composite", "Value"))
    for frame in frames:
        for at in (frame - 1, frame, frame + 1):
            size.outputs[0].default_value = 1e38 if at in frames else 1.0
            size.outputs[0].keyframe_insert("default_value", frame=at)

    def calculate(operation: str, left: Any, right: Any) -> Any:
        node = tree.nodes.new("CompositorNodeMath")
        node.operation = operation
        tree.links.new(left, node.inputs[0])
        tree.links.new(right, node.inputs[1])
        return node.outputs[0]

    mask = layers.outputs["Alpha"]
    masked = calculate("MULTIPLY", mask, size.outputs[0])
    square = calculate("MULTIPLY", masked, masked)
    tree.links.new(calculate("ADD", calculate("SUBTRACT", square, square), mask), output.inputs["Image"])


def _camera(scene: Any, name: str, place: tuple[float, float, float]) -> Any:
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    scene.collection.objects.link(camera)
    camera.location = place
    aim = camera.constraints.new("TRACK_TO")
    aim.target = next(thing for thing in scene.collection.objects if thing.type == "MESH")
    aim.track_axis, aim.up_axis = "TRACK_NEGATIVE_Z", "UP_Y"
    return camera


def _cube(scene: Any, name: str, number: int, recipe: dict[str, Any]) -> None:
    mesh = bpy.data.meshes.new(name)
    corners = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh.from_pydata(corners, [], sides)
    cube = bpy.data.objects.new(name, mesh)
    scene.collection.objects.link(cube)
    mesh.materials.append(_material(name, COLOURS[number % len(COLOURS)], recipe))
    for frame in (0, 100):
        cube.rotation_euler = (0.3, 0.0, 0.2 + 0.05 * frame)
        cube.keyframe_insert("rotation_euler", frame=frame)
    for curve in cube.animation_data.action.fcurves:
        # Beyond its two keys as well, whatever frames a test asks for, the cube turns on.
        curve.extrapolation = "LINEAR"
        for key in curve.keyframe_points:
            key.interpolation = "LINEAR"


def _material(name: str, colour: tuple[float, float, float], recipe: dict[str, Any]) -> Any:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    surface = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    surface.inputs["Base Color"].default_value = (*colour, 1.0)
    if recipe["missing_image"] is not None:
        texture = material.node_tree.nodes.new("ShaderNodeTexImage")
        texture.image = bpy.data.images.new("Missing", 8, 8)
        texture.image.source, texture.image.filepath = "FILE", recipe["missing_image"]
        material.node_tree.links.new(texture.outputs["Color"], surface.inputs["Base Color"])
    if recipe["packed_image"] is not None:
        texture = material.node_tree.nodes.new("ShaderNodeTexImage")
        texture.image = bpy.data.images.load(recipe["packed_image"])
        texture.image.pack()
        material.node_tree.links.new(texture.outputs["Color"], surface.inputs["Base Color"])
    return material


def _refer(scene: Any, recipe: dict[str, Any]) -> None:
    """Add references to external files."""
    if recipe["library"] is not None:
        with bpy.data.libraries.load(recipe["library"], link=True) as (_, wanted):
            wanted.objects = ["Camera"]
        scene.collection.objects.link(wanted.objects[0])
        scene.camera = wanted.objects[0]
        if recipe["library_path"] is not None:
            bpy.data.libraries[0].filepath = recipe["library_path"]
    if recipe["outside"]:
        _refer_to_every_kind(scene)


def _refer_to_every_kind(scene: Any) -> None:
    """Add a reference to a missing file of each kind, and data without references."""
    for name, source, path in (
        ("still", "FILE", "//textures/wood.png"),
        ("again", "FILE", "//textures/wood.png"),
        ("film", "MOVIE", "//textures/film.mp4"),
        ("sequence", "SEQUENCE", "//plates/plate_0001.png"),
        ("tiles", "TILED", "//textures/skin.<UDIM>.png"),
    ):
        image = bpy.data.images.new(name, 8, 8, tiled=source == "TILED")
        image.source, image.filepath, image.use_fake_user = source, path, True
    bpy.data.images.new("generated", 8, 8).use_fake_user = True
    text = bpy.data.objects.new("Text", bpy.data.curves.new("Text", "FONT"))
    scene.collection.objects.link(text)
    volume = bpy.data.volumes.new("smoke")
    volume.filepath, volume.is_sequence, volume.use_fake_user = "//caches/smoke_0001.vdb", True, True


def main() -> None:
    """Serve recipes; Blender's own words go nowhere, for the answers have standard output to themselves."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for line in sys.stdin:
        recipe = json.loads(line)
        try:
            make(recipe)
            answer = {"made": recipe["path"]}
        except Exception:  # noqa: BLE001  whatever it was, the test that asked is told
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)
    # An ordinary exit may wait for ever in Blender: for a thread, a handler or a failed driver.
    os._exit(0)


if __name__ == "__main__":
    main()
