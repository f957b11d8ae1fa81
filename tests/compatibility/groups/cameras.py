"""Cameras and worlds."""

from typing import Any

from tests.compatibility.rows import Build, Group, Stage

rows = Group("Cameras and worlds")


@rows.same("Orthographic camera with Shift")
def _(s: Stage) -> None:
    s.camera.data.type, s.camera.data.shift_x = "ORTHO", 0.2


def _panorama(kind: str) -> Build:
    def build(s: Stage) -> None:
        s.camera.data.type = "PANO"
        (s.camera.data if hasattr(s.camera.data, "panorama_type") else s.camera.data.cycles).panorama_type = kind
        s.camera.location.y = -2

    return build


for label, kind in (
    ("equirectangular", "EQUIRECTANGULAR"),
    ("fisheye", "FISHEYE_EQUIDISTANT"),
    ("mirror ball", "MIRRORBALL"),
):
    rows.same(f"Panorama, {label}")(_panorama(kind))


@rows.same("Depth of Field with a focus object and blades", samples=4)
def _(s: Stage) -> None:
    dof = s.camera.data.dof
    dof.use_dof, dof.focus_object, dof.aperture_fstop, dof.aperture_blades = True, s.cube, 0.3, 5


@rows.same("Camera with an animated lens and sensor fit")
def _(s: Stage) -> None:
    s.camera.data.sensor_fit = "VERTICAL"
    s.key(s.camera.data, "lens", {1: 30.0, 3: 60.0})


@rows.same("Camera background images")
def _(s: Stage) -> None:
    background = s.camera.data.background_images.new()
    background.image = s.image("plate.png")
    s.camera.data.show_background_images = True


@rows.refused("No camera", "NoCamera", "has no camera")
def _(s: Stage) -> None:
    s.data.objects.remove(s.camera)


@rows.refused("Camera in Open Shading Language", "InvalidRequest", "Open Shading Language", versions=("5.0",))
def _(s: Stage) -> None:
    s.camera.data.type = "CUSTOM"


def _world(s: Stage, kind: str) -> Any:
    if s.version < (5, 0):
        s.world.use_nodes = True
    tree = s.world.node_tree
    background = next(node for node in tree.nodes if node.type == "BACKGROUND")
    node = tree.nodes.new(kind)
    tree.links.new(node.outputs[0], background.inputs["Color"])
    return node


@rows.same("World with a sky texture")
def _(s: Stage) -> None:
    node = _world(s, "ShaderNodeTexSky")
    node.sun_rotation = 1.0


@rows.same("World with an HDRI (OpenEXR)")
def _(s: Stage) -> None:
    image = s.data.images.new("sky", 16, 8, float_buffer=True)
    image.pixels = [value / 100 for value in range(16 * 8 * 4)]
    image.filepath_raw, image.file_format = str(s.folder / "sky.exr"), "OPEN_EXR"
    image.save()
    image.filepath = "//sky.exr"
    _world(s, "ShaderNodeTexEnvironment").image = image


@rows.same("World volume and mist", samples=2)
def _(s: Stage) -> None:
    if s.version < (5, 0):
        s.world.use_nodes = True
    tree = s.world.node_tree
    shader = tree.nodes.new("ShaderNodeVolumeScatter")
    shader.inputs["Density"].default_value = 0.05
    output = next(node for node in tree.nodes if node.type == "OUTPUT_WORLD")
    tree.links.new(shader.outputs[0], output.inputs["Volume"])


@rows.same("Point, spot and area lights with portals and textures", samples=2)
def _(s: Stage) -> None:
    for number, kind in enumerate(("POINT", "SPOT", "AREA")):
        light = s.add(kind, s.data.lights.new(kind, kind))
        light.location, light.data.energy = (number - 1, -4, 2), 200
    s.data.objects["AREA"].data.shape = "DISK"


@rows.same("IES light texture", samples=2)
def _(s: Stage) -> None:
    text = s.data.texts.new("lamp.ies")
    text.from_string("IESNA:LM-63-2002\nTILT=NONE\n1 1000 1 3 1 1 2 0 0 0\n1 1 1\n0 45 90\n0\n900 500 10\n")
    light = s.add("Lamp", s.data.lights.new("Lamp", "POINT"))
    light.location, light.data.energy = (0, -3, 2), 500
    light.data.use_nodes = True
    tree = light.data.node_tree
    node = tree.nodes.new("ShaderNodeTexIES")
    node.ies = text
    emission = next(each for each in tree.nodes if each.type == "EMISSION")
    tree.links.new(node.outputs[0], emission.inputs["Strength"])
