"""Kinds of objects, hair, volumes and lines."""

import shutil
from pathlib import Path
from typing import Any

from tests.compatibility.rows import Group, Stage

rows = Group("Objects")


@rows.same("Metaballs")
def _(s: Stage) -> None:
    for number in range(2):
        ball = s.add(f"Ball.{number:03d}" if number else "Ball", s.data.metaballs.new("Ball"))
        ball.data.elements.new().radius = 1.2
        ball.data.render_resolution = 0.3
        s.key(ball, "location", {1: (number, -2, 0), 3: (-number, -2, 0.5)})


@rows.same("Curves with a bevel object, NURBS surfaces")
def _(s: Stage) -> None:
    curve = s.data.curves.new("Curve", "CURVE")
    curve.dimensions, curve.bevel_depth = "3D", 0.2
    spline = curve.splines.new("BEZIER")
    spline.bezier_points.add(1)
    spline.bezier_points[0].co, spline.bezier_points[1].co = (-1, -2, 0), (1, -2, 1)
    s.add("Curve", curve)


@rows.same("Text with Blender's own font")
def _(s: Stage) -> None:
    text = s.data.curves.new("Text", "FONT")
    text.body, text.size, text.extrude = "Ab3", 2, 0.1
    thing = s.add("Text", text)
    thing.location, thing.rotation_euler.x = (-1.5, -2, -0.5), 1.57


@rows.same("Text with a font file")
def _(s: Stage) -> None:
    own = Path(s.bpy.utils.system_resource("DATAFILES"), "fonts")
    source = next(iter(sorted(own.glob("Noto*.woff2"))))
    shutil.copyfile(source, s.folder / "font.woff2")
    text = s.data.curves.new("Text", "FONT")
    text.body, text.size, text.font = "Ab3", 2, s.data.fonts.load(str(s.folder / "font.woff2"))
    text.font.filepath = "//font.woff2"
    thing = s.add("Text", text)
    thing.location, thing.rotation_euler.x = (-1.5, -2, -0.5), 1.57


@rows.same("Instances of collections, vertices and faces")
def _(s: Stage) -> None:
    held = s.data.collections.new("Held")
    other = s.data.objects.new("Other", s.cube_mesh("Other", 0.3))
    held.objects.link(other)
    for x in (-2, 2):
        empty = s.add(f"Instance {x}", None)
        empty.instance_type, empty.instance_collection, empty.location.x = "COLLECTION", held, x
    child = s.add("Child", s.cube_mesh("Child", 0.2))
    child.parent, s.cube.instance_type = s.cube, "VERTS"


@rows.same("Hair curves", samples=2)
def _(s: Stage) -> None:
    hair = s.data.hair_curves.new("Hair")
    hair.add_curves([4] * 20)
    for number, point in enumerate(hair.points):
        strand, step = divmod(number, 4)
        point.position, point.radius = ((strand - 10) / 5, -2 - step * 0.1, step * 0.4 - 0.6), 0.06
    s.add("Hair", hair)


@rows.same("Hair particles", samples=2)
def _(s: Stage) -> None:
    modifier = s.cube.modifiers.new("Hair", "PARTICLE_SYSTEM")
    settings = modifier.particle_system.settings
    settings.type, settings.count, settings.hair_length = "HAIR", 40, 1.0
    settings.child_type, settings.rendered_child_count = "SIMPLE", 3
    settings.root_radius = 5.0


@rows.same("Point clouds", samples=2)
def _(s: Stage) -> None:
    group, start, end = s.geometry_nodes()
    points = group.nodes.new("GeometryNodeMeshToPoints")
    points.inputs["Radius"].default_value = 0.3
    group.links.new(start.outputs[0], points.inputs[0])
    group.links.new(points.outputs[0], end.inputs[0])


def _vdb(s: Stage, name: str, shift: float) -> None:
    openvdb = s.openvdb()
    grid = openvdb.FloatGrid()
    grid.name = "density"
    grid.fill((-6, -6, -6), (6, 6, int(shift)), 1.0)
    grid.transform = openvdb.createLinearTransform(voxelSize=0.2)
    openvdb.write(str(s.folder / name), grids=[grid])


def _volume(s: Stage, name: str) -> None:
    s.cube.hide_render = True
    volume = s.data.volumes.new("Smoke")
    volume.filepath = f"//{name}"
    thing = s.add("Smoke", volume)
    material = s.data.materials.new("Smoke")
    material.use_nodes = True
    nodes = material.node_tree.nodes
    nodes.clear()
    shader, output = nodes.new("ShaderNodeVolumePrincipled"), nodes.new("ShaderNodeOutputMaterial")
    material.node_tree.links.new(shader.outputs[0], output.inputs["Volume"])
    volume.materials.append(material)
    thing.rotation_euler.z = 0.5


@rows.same("Volumes (OpenVDB)", samples=2)
def _(s: Stage) -> None:
    _vdb(s, "smoke.vdb", 6)
    _volume(s, "smoke.vdb")


@rows.same("Volumes (OpenVDB), sequence", samples=2)
def _(s: Stage) -> None:
    for frame in (1, 2, 3):
        _vdb(s, f"smoke_{frame:04d}.vdb", frame * 2)
    _volume(s, "smoke_0001.vdb")
    volume = s.data.volumes["Smoke"]
    volume.is_sequence, volume.frame_start, volume.frame_duration = True, 1, 3


@rows.same("Volume shader and Mesh to Volume", samples=2)
def _(s: Stage) -> None:
    material = s.cube.data.materials[0]
    output = next(node for node in material.node_tree.nodes if node.type == "OUTPUT_MATERIAL")
    material.node_tree.links.remove(output.inputs["Surface"].links[0])
    shader = s.node("ShaderNodeVolumePrincipled")
    material.node_tree.links.new(shader.outputs[0], output.inputs["Volume"])


def _grease_pencil(s: Stage) -> Any:
    data = s.data.grease_pencils_v3.new("Lines") if s.version < (5, 0) else s.data.grease_pencils.new("Lines")
    thing = s.add("Lines", data)
    material = s.data.materials.new("Ink")
    s.data.materials.create_gpencil_data(material)
    material.grease_pencil.color = (0.9, 0.2, 0.1, 1)
    data.materials.append(material)
    layer = data.layers.new("Layer")
    for frame in (1, 3):
        drawing = layer.frames.new(frame).drawing
        drawing.add_strokes([3])
        for number, point in enumerate(drawing.strokes[0].points):
            point.position, point.radius = (number - 1, -2, frame / 3 - number), 0.2
    return thing


@rows.same("Grease Pencil")
def _(s: Stage) -> None:
    _grease_pencil(s)


@rows.same("Grease Pencil with modifiers and effects")
def _(s: Stage) -> None:
    lines = _grease_pencil(s)
    lines.modifiers.new("Noise", "GREASE_PENCIL_NOISE")
    lines.shader_effects.new("Blur", "FX_BLUR")


@rows.same("Line Art")
def _(s: Stage) -> None:
    lines = _grease_pencil(s)
    modifier = lines.modifiers.new("Line Art", "LINEART")
    modifier.source_type, modifier.target_layer = "SCENE", "Layer"
    modifier.target_material = lines.data.materials[0]


@rows.same("Freestyle")
def _(s: Stage) -> None:
    s.render.use_freestyle = True
    layer = s.scene.view_layers[0]
    layer.use_freestyle = True
    style = layer.freestyle_settings.linesets.new("Lines").linestyle
    style.thickness, style.color = 2, (0, 1, 0)


@rows.refused("Freestyle with style modules", "InvalidRequest", "style.py")
def _(s: Stage) -> None:
    text = s.data.texts.new("style.py")
    text.from_string("from freestyle.types import Operators\n")
    s.render.use_freestyle = s.scene.view_layers[0].use_freestyle = True
    settings = s.scene.view_layers[0].freestyle_settings
    settings.mode = "SCRIPT"
    settings.modules.new().script = text
