"""Simulations, baked and not: the first frame of the second chunk shows whether they go on."""

from itertools import pairwise
from typing import Any

from tests.compatibility.rows import Group, Stage

rows = Group("Simulations")

FRAMES = (1, 4)
ORDERED, STILL = "One worker renders all frames in order", "they do not move"


def _particles(s: Stage, physics: str = "NEWTON") -> Any:
    emitter = s.cube.modifiers.new("Particles", "PARTICLE_SYSTEM").particle_system
    crumb = s.add("Crumb", s.cube_mesh("Crumb", 0.3))
    crumb.location = (30.0, 0.0, 0.0)
    settings = emitter.settings
    settings.physics_type, settings.render_type, settings.instance_object = physics, "OBJECT", crumb
    settings.count, settings.frame_end, settings.normal_factor, settings.particle_size = 60, 4, 8.0, 1.0
    return emitter


def _grid(s: Stage, name: str = "Sheet") -> Any:
    s.bpy.ops.mesh.primitive_grid_add(x_subdivisions=8, y_subdivisions=8, size=4)
    grid = s.bpy.context.object
    grid.name, grid.rotation_euler = name, (1.2, 0.0, 0.0)
    return grid


def _bake(s: Stage) -> None:
    s.bpy.ops.wm.save_mainfile()
    s.bpy.ops.ptcache.bake_all(bake=True)


@rows.announced("Particles, Newtonian, not baked", "simulations", ORDERED, frames=FRAMES)
def _(s: Stage) -> None:
    _particles(s)


@rows.announced("Particles, Boids, not baked", "simulations", ORDERED, frames=FRAMES)
def _(s: Stage) -> None:
    _particles(s, "BOIDS")


@rows.announced("Particles, Fluid, not baked", "simulations", ORDERED, frames=FRAMES)
def _(s: Stage) -> None:
    _particles(s, "FLUID")


@rows.announced("Particles of another step", "simulations", ORDERED, frames=(1, 7))
def _(s: Stage) -> None:
    _particles(s)
    s.scene.frame_step = 2


@rows.announced(
    "Particles, Bake never", "simulations", "may jump where a chunk begins", frames=FRAMES,
    pixels=False, request={"bake": "never"},
)  # fmt: skip
def _(s: Stage) -> None:
    _particles(s)


@rows.same("Particles without physics", frames=FRAMES)
def _(s: Stage) -> None:
    _particles(s, "NO")


@rows.same("Particles, baked", frames=FRAMES)
def _(s: Stage) -> None:
    _particles(s)
    _bake(s)


@rows.same("Particles, baked to a Disk Cache", frames=FRAMES)
def _(s: Stage) -> None:
    _particles(s).point_cache.use_disk_cache = True
    _bake(s)


@rows.announced("Explode modifier", "simulations", ORDERED, frames=FRAMES)
def _(s: Stage) -> None:
    _particles(s).settings.render_type = "NONE"
    s.cube.modifiers.new("Explode", "EXPLODE")


@rows.same("Hair", frames=FRAMES)
def _(s: Stage) -> None:
    _particles(s).settings.type = "HAIR"


@rows.announced("Hair dynamics, not baked", "simulations", ORDERED, frames=FRAMES)
def _(s: Stage) -> None:
    hair = _particles(s)
    hair.settings.type, hair.use_hair_dynamics = "HAIR", True


@rows.announced("Cloth, not baked", "simulations", ORDERED, frames=FRAMES)
def _(s: Stage) -> None:
    _grid(s).modifiers.new("Cloth", "CLOTH")


@rows.same("Cloth, baked", frames=FRAMES)
def _(s: Stage) -> None:
    _grid(s).modifiers.new("Cloth", "CLOTH")
    _bake(s)


@rows.announced("Soft Body, not baked", "simulations", STILL, frames=FRAMES)
def _(s: Stage) -> None:
    _grid(s).modifiers.new("Softbody", "SOFT_BODY").settings.use_goal = False


@rows.same("Soft Body, baked to a Disk Cache", frames=FRAMES)
def _(s: Stage) -> None:
    body = _grid(s).modifiers.new("Softbody", "SOFT_BODY")
    body.settings.use_goal, body.point_cache.use_disk_cache = False, True
    _bake(s)


def _painted(s: Stage) -> Any:
    canvas = _grid(s, "Canvas")
    modifier = canvas.modifiers.new("Dynamic Paint", "DYNAMIC_PAINT")
    s.bpy.ops.dpaint.type_toggle(type="CANVAS")
    surface = modifier.canvas_settings.canvas_surfaces[0]
    surface.surface_type = "DISPLACE"
    s.bpy.context.view_layer.objects.active = s.cube
    brush = s.cube.modifiers.new("Dynamic Paint", "DYNAMIC_PAINT")
    brush.ui_type = "BRUSH"
    s.bpy.ops.dpaint.type_toggle(type="BRUSH")
    s.key(s.cube, "location", {1: (-2.0, 0.0, 0.0), 4: (2.0, 0.0, 0.0)})
    return surface


@rows.announced("Dynamic Paint, not baked", "simulations", STILL, frames=FRAMES)
def _(s: Stage) -> None:
    _painted(s)


@rows.same("Dynamic Paint, baked", frames=FRAMES)
def _(s: Stage) -> None:
    _painted(s)
    _bake(s)


def _rigid(s: Stage) -> None:
    s.bpy.context.view_layer.objects.active = s.cube
    s.bpy.ops.rigidbody.world_add()
    s.cube.animation_data_clear()
    s.bpy.ops.rigidbody.object_add()


@rows.announced("Rigid Body, not baked", "simulations", STILL, frames=FRAMES)
def _(s: Stage) -> None:
    _rigid(s)


@rows.same("Rigid Body, baked", frames=FRAMES)
def _(s: Stage) -> None:
    _rigid(s)
    _bake(s)


@rows.announced("Simulation nodes, not baked", "simulations", STILL, frames=FRAMES)
def _(s: Stage) -> None:
    group = s.data.node_groups.new("Drift", "GeometryNodeTree")
    for way in ("INPUT", "OUTPUT"):
        group.interface.new_socket("Geometry", in_out=way, socket_type="NodeSocketGeometry")
    kinds = ("NodeGroupInput", "GeometryNodeSimulationInput", "GeometryNodeTransform",
             "GeometryNodeSimulationOutput", "NodeGroupOutput")  # fmt: skip
    nodes = [group.nodes.new(kind) for kind in kinds]
    nodes[1].pair_with_output(nodes[3])
    nodes[2].inputs["Translation"].default_value = (0.3, 0.0, 0.1)
    for before, after in pairwise(nodes):
        group.links.new(
            next(socket for socket in before.outputs if socket.type == "GEOMETRY"),
            next(socket for socket in after.inputs if socket.type == "GEOMETRY"),
        )
    s.cube.modifiers.new("Nodes", "NODES").node_group = group
