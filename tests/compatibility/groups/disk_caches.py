"""Caches of Geometry Nodes and oceans on the disk."""

from tests.compatibility.rows import Group, Stage

rows = Group("Caches on disk")


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
