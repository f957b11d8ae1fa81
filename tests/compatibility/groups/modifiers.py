"""Modifiers and Geometry Nodes."""

import struct

from tests.compatibility.rows import Group, Stage

rows = Group("Modifiers and Geometry Nodes")


@rows.same("Array, Mirror, Bevel, Solidify, Screw")
def _(s: Stage) -> None:
    for kind in ("ARRAY", "MIRROR", "BEVEL", "SOLIDIFY", "SCREW"):
        s.cube.modifiers.new(kind.title(), kind)


@rows.same("Subdivision Surface with other levels in the render")
def _(s: Stage) -> None:
    modifier = s.cube.modifiers.new("Subdivision", "SUBSURF")
    modifier.levels, modifier.render_levels = 0, 2


@rows.same("Multiresolution")
def _(s: Stage) -> None:
    s.cube.modifiers.new("Multires", "MULTIRES")
    s.bpy.context.view_layer.objects.active = s.cube
    s.bpy.ops.object.multires_subdivide(modifier="Multires")


@rows.same("Build, Decimate, Remesh, Wireframe")
def _(s: Stage) -> None:
    s.cube.modifiers.new("Remesh", "REMESH").mode = "VOXEL"
    s.cube.modifiers["Remesh"].voxel_size = 0.3
    s.cube.modifiers.new("Decimate", "DECIMATE").ratio = 0.5
    build = s.cube.modifiers.new("Build", "BUILD")
    build.frame_start, build.frame_duration = 0, 6
    s.cube.modifiers.new("Wireframe", "WIREFRAME").thickness = 0.1


@rows.same("Boolean with an object and Exact solver")
def _(s: Stage) -> None:
    other = s.add("Cutter", s.cube_mesh("Cutter", 0.7))
    other.location, other.hide_render = (0.6, -0.6, 0.6), True
    modifier = s.cube.modifiers.new("Boolean", "BOOLEAN")
    modifier.object, modifier.solver = other, "EXACT"


@rows.same("Displace with a texture, Wave, Cast, Lattice")
def _(s: Stage) -> None:
    s.cube.modifiers.new("Subdivision", "SUBSURF").render_levels = 3
    displace = s.cube.modifiers.new("Displace", "DISPLACE")
    displace.texture, displace.strength = s.data.textures.new("Clouds", "CLOUDS"), 0.5
    s.cube.modifiers.new("Wave", "WAVE").height = 0.4
    s.cube.modifiers.new("Cast", "CAST")
    lattice = s.add("Lattice", s.data.lattices.new("Lattice"))
    lattice.data.points[0].co_deform.x = -2
    s.cube.modifiers.new("Lattice", "LATTICE").object = lattice


@rows.same("Shape keys, Shrinkwrap, Surface Deform")
def _(s: Stage) -> None:
    s.cube.shape_key_add(name="Basis")
    moved = s.cube.shape_key_add(name="Moved")
    moved.data[7].co = (2, 2, 2)
    s.key(moved, "value", {1: 0.0, 3: 1.0})
    target = s.add("Target", s.cube_mesh("Target", 0.8))
    target.hide_render = True
    s.cube.modifiers.new("Shrinkwrap", "SHRINKWRAP").target = target


@rows.same("Armature with inverse kinematics and constraints")
def _(s: Stage) -> None:
    rig = s.add("Rig", s.data.armatures.new("Rig"))
    s.bpy.context.view_layer.objects.active = rig
    s.bpy.ops.object.mode_set(mode="EDIT")
    first = rig.data.edit_bones.new("First")
    first.head, first.tail = (0, 0, -1), (0, 0.1, 0)
    second = rig.data.edit_bones.new("Second")
    second.head, second.tail, second.parent = first.tail, (0, 0, 1), first
    s.bpy.ops.object.mode_set(mode="OBJECT")
    target = s.add("Target", None)
    s.key(target, "location", {1: (0, 0, 1), 3: (1, 0, 0.5)})
    rig.pose.bones["Second"].constraints.new("IK").target = target
    modifier = s.cube.modifiers.new("Armature", "ARMATURE")
    modifier.object = rig
    s.cube.vertex_groups.new(name="First").add([0, 2, 4, 6], 1, "REPLACE")
    s.cube.vertex_groups.new(name="Second").add([1, 3, 5, 7], 1, "REPLACE")


@rows.same("Follow Path, Copy Rotation and Track To")
def _(s: Stage) -> None:
    curve = s.data.curves.new("Path", "CURVE")
    curve.dimensions = "3D"
    spline = curve.splines.new("NURBS")
    spline.points.add(3)
    for number, point in enumerate(spline.points):
        point.co = (number - 1.5, number % 2, 0, 1)
    curve.use_path, curve.path_duration = True, 4
    path = s.add("Path", curve)
    s.key(curve, "eval_time", {1: 0, 3: 4})
    follow = s.cube.constraints.new("FOLLOW_PATH")
    follow.target = path
    s.camera.constraints.new("TRACK_TO").target = s.cube


@rows.same("Geometry Nodes: Mesh Primitives, Distribute and Instance on Points")
def _(s: Stage) -> None:
    group, start, end = s.geometry_nodes()
    points, instances = (
        group.nodes.new("GeometryNodeDistributePointsOnFaces"),
        group.nodes.new("GeometryNodeInstanceOnPoints"),
    )
    cone, material = group.nodes.new("GeometryNodeMeshCone"), group.nodes.new("GeometryNodeSetMaterial")
    points.inputs["Density"].default_value, material.inputs["Material"].default_value = 3, s.material("Blue", (0, 0, 1))
    cone.inputs["Radius Bottom"].default_value = 0.2
    for source, target in (
        (start.outputs[0], points.inputs["Mesh"]),
        (points.outputs["Points"], instances.inputs["Points"]),
        (cone.outputs["Mesh"], instances.inputs["Instance"]),
        (instances.outputs[0], material.inputs["Geometry"]),
        (material.outputs[0], end.inputs[0]),
    ):
        group.links.new(source, target)


@rows.same("Geometry Nodes: Scene Time, Is Viewport and Active Camera")
def _(s: Stage) -> None:
    group, start, end = s.geometry_nodes()
    move, time = group.nodes.new("GeometryNodeTransform"), group.nodes.new("GeometryNodeInputSceneTime")
    vector, viewport = group.nodes.new("ShaderNodeCombineXYZ"), group.nodes.new("GeometryNodeIsViewport")
    group.links.new(time.outputs["Seconds"], vector.inputs[0])
    group.links.new(viewport.outputs[0], vector.inputs[2])
    group.links.new(start.outputs[0], move.inputs["Geometry"])
    group.links.new(vector.outputs[0], move.inputs["Translation"])
    group.links.new(move.outputs[0], end.inputs[0])


@rows.same("Geometry Nodes: Collection Info and Object Info")
def _(s: Stage) -> None:
    other = s.add("Other", s.cube_mesh("Other", 0.4))
    other.location = (1.5, 0, 0.5)
    held = s.data.collections.new("Held")
    held.objects.link(other)
    s.scene.collection.objects.unlink(other)
    group, start, end = s.geometry_nodes()
    info, join = group.nodes.new("GeometryNodeCollectionInfo"), group.nodes.new("GeometryNodeJoinGeometry")
    info.inputs["Collection"].default_value = held
    group.links.new(start.outputs[0], join.inputs[0])
    group.links.new(info.outputs[0], join.inputs[0])
    group.links.new(join.outputs[0], end.inputs[0])


@rows.same("Geometry Nodes: Image Texture")
def _(s: Stage) -> None:
    group, start, end = s.geometry_nodes()
    place, image = group.nodes.new("GeometryNodeSetPosition"), group.nodes.new("GeometryNodeImageTexture")
    image.inputs["Image"].default_value = s.image("height.png")
    group.links.new(start.outputs[0], place.inputs[0])
    group.links.new(image.outputs["Color"], place.inputs["Offset"])
    group.links.new(place.outputs[0], end.inputs[0])


@rows.same("Geometry Nodes: String to Curves and Realize Instances")
def _(s: Stage) -> None:
    group, _start, end = s.geometry_nodes()
    text, fill = group.nodes.new("GeometryNodeStringToCurves"), group.nodes.new("GeometryNodeFillCurve")
    text.inputs["String"].default_value = "Ab"
    group.links.new(text.outputs[0], fill.inputs[0])
    group.links.new(fill.outputs[0], end.inputs[0])


@rows.same("Mesh Sequence Cache (Alembic)")
def _(s: Stage) -> None:
    s.bpy.ops.wm.alembic_export(filepath=str(s.folder / "cube.abc"), start=1, end=3, as_background_job=False)
    s.cube.animation_data_clear()
    s.bpy.ops.cachefile.open(filepath=str(s.folder / "cube.abc"))
    cache = s.data.cache_files[0]
    cache.filepath = "//cube.abc"
    s.bpy.context.view_layer.update()
    constraint = s.cube.constraints.new("TRANSFORM_CACHE")
    constraint.cache_file, constraint.object_path = cache, "/Cube"


@rows.same("Mesh Sequence Cache (USD)")
def _(s: Stage) -> None:
    s.cube.shape_key_add(name="Basis")
    moved = s.cube.shape_key_add(name="Moved")
    moved.data[7].co = (2, 2, 2)
    s.key(moved, "value", {1: 0.0, 3: 1.0})
    s.bpy.ops.wm.usd_export(filepath=str(s.folder / "cube.usdc"), export_animation=True)
    s.data.objects.remove(s.cube)
    s.bpy.ops.wm.usd_import(filepath=str(s.folder / "cube.usdc"), import_cameras=False, import_lights=False)
    for cache in s.data.cache_files:
        cache.filepath = "//cube.usdc"


@rows.same("Mesh Cache (MDD)")
def _(s: Stage) -> None:
    corners = [tuple(vertex.co) for vertex in s.cube.data.vertices]
    data = struct.pack(">2i", 3, len(corners)) + struct.pack(">3f", 0, 1, 2)
    for frame in range(3):
        data += b"".join(struct.pack(">3f", x * (1 + frame / 2), y, z) for x, y, z in corners)
    (s.folder / "cube.mdd").write_bytes(data)
    modifier = s.cube.modifiers.new("MeshCache", "MESH_CACHE")
    modifier.cache_format, modifier.filepath = "MDD", "//cube.mdd"


@rows.same("Ocean, generated", frames=(1, 3))
def _(s: Stage) -> None:
    ocean = s.cube.modifiers.new("Ocean", "OCEAN")
    ocean.resolution, ocean.spatial_size, ocean.size = 3, 10, 0.3
    s.key(ocean, "time", {1: 0.0, 3: 2.0})


@rows.same("Hooks, Data Transfer and Vertex Weight modifiers")
def _(s: Stage) -> None:
    empty = s.add("Hook", None)
    s.key(empty, "location", {1: (0, 0, 0), 3: (0, 0, 2)})
    hook = s.cube.modifiers.new("Hook", "HOOK")
    hook.object, hook.strength = empty, 1.0
    hook.vertex_indices_set([0, 1, 2])
