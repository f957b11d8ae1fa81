"""Simulations and their caches."""

from typing import Any

from tests.compatibility.rows import Group, Stage

rows = Group("Simulations")


def _emitter(s: Stage) -> Any:
    modifier = s.cube.modifiers.new("Particles", "PARTICLE_SYSTEM")
    settings = modifier.particle_system.settings
    settings.count, settings.frame_start, settings.frame_end, settings.lifetime = 30, 0, 4, 20
    bit = s.add("Bit", s.cube_mesh("Bit", 0.5))
    bit.location.z = 50
    settings.render_type, settings.instance_object, settings.particle_size = "OBJECT", bit, 0.4
    return modifier.particle_system


@rows.different("Particles without a bake", "a chunk's first frame lacks the particles", frames=(1, 3))
def _(s: Stage) -> None:
    _emitter(s)


@rows.same("Particles, baked to a disk cache")
def _(s: Stage) -> None:
    system = _emitter(s)
    system.point_cache.use_disk_cache, system.point_cache.frame_end = True, 3
    s.bake_point_caches()


@rows.same("Particles, baked into the file")
def _(s: Stage) -> None:
    _emitter(s).point_cache.frame_end = 3
    s.bake_point_caches()


def _falling(s: Stage) -> None:
    s.cube.animation_data_clear()
    s.bpy.context.view_layer.objects.active = s.cube
    s.bpy.ops.rigidbody.world_add()
    s.bpy.ops.rigidbody.object_add()
    s.scene.rigidbody_world.point_cache.frame_end = 3


@rows.same("Rigid bodies without a bake", frames=(1, 3))
def _(s: Stage) -> None:
    _falling(s)


@rows.same("Rigid bodies, baked")
def _(s: Stage) -> None:
    _falling(s)
    s.bake_point_caches()


def _cloth(s: Stage) -> None:
    cloth = s.cube.modifiers.new("Cloth", "CLOTH")
    cloth.point_cache.frame_end = 3


@rows.same("Cloth without a bake", frames=(1, 3))
def _(s: Stage) -> None:
    _cloth(s)


@rows.same("Cloth, baked")
def _(s: Stage) -> None:
    _cloth(s)
    s.bake_point_caches()


@rows.different("Soft bodies without a bake", "a chunk's first frame stands still", frames=(1, 3))
def _(s: Stage) -> None:
    s.cube.modifiers.new("Softbody", "SOFT_BODY").settings.use_goal = False


@rows.different("Dynamic Paint without a bake", "a chunk's first frame lacks the waves", frames=(1, 3))
def _(s: Stage) -> None:
    paint = s.cube.modifiers.new("Paint", "DYNAMIC_PAINT")
    paint.ui_type = "CANVAS"
    s.bpy.context.view_layer.objects.active = s.cube
    s.bpy.ops.dpaint.type_toggle(type="CANVAS")
    surface = paint.canvas_settings.canvas_surfaces[0]
    surface.surface_type = "DISPLACE"
    s.cube.modifiers.new("Subdivision", "SUBSURF").render_levels = 2
    brush = s.add("Brush", s.cube_mesh("Brush", 0.5))
    s.key(brush, "location", {1: (1, -1, 0), 3: (-1, -1, 0)})
    brush.modifiers.new("Paint", "DYNAMIC_PAINT").ui_type = "BRUSH"
    s.bpy.context.view_layer.objects.active = brush
    s.bpy.ops.dpaint.type_toggle(type="BRUSH")


def _zone(s: Stage) -> None:
    group, start, end = s.geometry_nodes()
    first, last = group.nodes.new("GeometryNodeSimulationInput"), group.nodes.new("GeometryNodeSimulationOutput")
    first.pair_with_output(last)
    move = group.nodes.new("GeometryNodeTransform")
    move.inputs["Translation"].default_value = (0.3, 0, 0)
    for source, target in (
        (start.outputs[0], first.inputs[0]),
        (first.outputs[1], move.inputs[0]),
        (move.outputs[0], last.inputs[1]),
        (last.outputs[0], end.inputs[0]),
    ):
        group.links.new(source, target)


@rows.same("Simulation zone without a bake", frames=(1, 3))
def _(s: Stage) -> None:
    _zone(s)


@rows.same("Simulation zone, baked to disk")
def _(s: Stage) -> None:
    _zone(s)
    modifier = s.cube.modifiers[0]
    modifier.bake_target, modifier.bake_directory = "DISK", "//bakes"
    s.bpy.ops.wm.save_as_mainfile(filepath=str(s.path))
    s.bpy.context.view_layer.objects.active = s.cube
    s.cube.select_set(state=True)
    s.bpy.ops.object.simulation_nodes_cache_bake(selected=True)


@rows.same("Ocean, baked to disk")
def _(s: Stage) -> None:
    ocean = s.cube.modifiers.new("Ocean", "OCEAN")
    ocean.resolution, ocean.spatial_size, ocean.size, ocean.frame_end = 3, 10, 0.3, 3
    s.key(ocean, "time", {1: 0.0, 3: 2.0})
    ocean.filepath = "//ocean"
    s.bpy.context.view_layer.objects.active = s.cube
    s.bpy.ops.object.ocean_bake(modifier="Ocean")
