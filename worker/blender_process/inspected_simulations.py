"""Finds the unbaked simulations of the open file, as `frameloom.services.scene.unbaked_simulations` does."""

from collections.abc import Iterator
from typing import Any

import bpy

from frameloom.model.simulations import Simulation

# Particles whose positions Blender computes from the frame alone.
_TIMELESS = frozenset({"NO", "KEYED"})


def find_simulations() -> tuple[Simulation, ...]:
    """Return the unbaked simulations of a file, without those of its libraries."""
    owned = (*bpy.data.objects, *bpy.data.scenes, *bpy.data.node_groups)
    return tuple(dict.fromkeys(one for owner in owned if owner.library is None for one in _of(owner)))


def _of(owner: Any) -> Iterator[Simulation]:
    if isinstance(owner, bpy.types.Object):
        yield from _of_object(owner)
    elif isinstance(owner, bpy.types.Scene):
        world = owner.rigidbody_world
        if world is not None and not world.point_cache.is_baked:
            yield Simulation(kind="rigid bodies", owner=owner.name)
    elif any(node.bl_idname == "GeometryNodeSimulationOutput" for node in owner.nodes) and not _has_bakes():
        yield Simulation(kind="simulation nodes", owner=owner.name)


def _of_object(owner: Any) -> Iterator[Simulation]:
    for modifier in owner.modifiers:
        if not modifier.show_render:
            continue
        match modifier.type:
            case "PARTICLE_SYSTEM":
                yield from _of_particles(owner, modifier.particle_system)
            case "CLOTH" if not modifier.point_cache.is_baked:
                yield Simulation(kind="cloth", owner=owner.name)
            case "SOFT_BODY" if not modifier.point_cache.is_baked:
                yield Simulation(kind="soft body", owner=owner.name)
            case "DYNAMIC_PAINT" if any(_paints(surface) for surface in _surfaces(modifier)):
                yield Simulation(kind="dynamic paint", owner=owner.name)
            case "FLUID" if modifier.fluid_type == "DOMAIN" and not modifier.domain_settings.has_cache_baked_data:
                yield Simulation(kind="fluid", owner=owner.name)


def _of_particles(owner: Any, system: Any) -> Iterator[Simulation]:
    settings = system.settings
    if settings is None or system.point_cache.is_baked:
        return
    if settings.type == "EMITTER" and settings.physics_type not in _TIMELESS:
        yield Simulation(kind="particles", owner=owner.name)
    elif settings.type == "HAIR" and system.use_hair_dynamics:
        yield Simulation(kind="hair", owner=owner.name)


def _surfaces(modifier: Any) -> tuple[Any, ...]:
    canvas = modifier.canvas_settings
    return () if canvas is None else tuple(canvas.canvas_surfaces)


def _paints(surface: Any) -> bool:
    return surface.is_active and not surface.point_cache.is_baked


def _has_bakes() -> bool:
    modifiers = [one for owner in bpy.data.objects for one in owner.modifiers if one.type == "NODES"]
    return any(one.bake_directory for one in modifiers)
