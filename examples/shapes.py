"""Meshes of the example scene: blocks, cones, balls and arches, always with the same point order."""

from __future__ import annotations

from itertools import pairwise
from math import cos, pi, sin
from typing import Any

import bpy  # isort: skip  # first: it makes bmesh and mathutils importable
import bmesh
from mathutils import Vector

Point = tuple[float, float, float]


def show(name: str, data: Any, at: Vector | Point, turn: float = 0) -> Any:
    """Return a new object in the scene, rotated around z."""
    thing = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(thing)
    thing.location, thing.rotation_euler.z = at, turn
    return thing


def solid(name: str, mesh: Any, material: Any, at: Vector | Point, turn: float = 0, *, rounded: bool = True) -> Any:
    """Return a new object made from the bmesh, which is freed; `rounded` bevels its edges like sanded wood."""
    bmesh.ops.recalc_face_normals(mesh, faces=mesh.faces)
    data = bpy.data.meshes.new(name)
    mesh.to_mesh(data)
    mesh.free()
    data.materials.append(material)
    data.shade_smooth()
    thing = show(name, data, at, turn)
    if rounded:
        bevel = thing.modifiers.new("Rounded", "BEVEL")
        bevel.width, bevel.segments, bevel.limit_method, bevel.harden_normals = 0.03, 2, "ANGLE", True
        data.set_sharp_from_angle(angle=0.6)
    return thing


def skin(rings: list[list[Point]]) -> Any:
    """Return a bmesh that joins each ring of points to the next and closes the two ends.

    Blender's own sphere and extrusion order their points by memory address, so two runs would save different meshes
    and render slightly different pixels.
    """
    mesh = bmesh.new()
    loops = [[mesh.verts.new(point) for point in ring] for ring in rings]
    for near, far in pairwise(loops):
        for n in range(len(near)):
            mesh.faces.new((near[n - 1], near[n], far[n], far[n - 1]))
    for end in (loops[0], loops[-1]):
        mesh.faces.new(end)
    return mesh


def box(name: str, size: Point, material: Any, at: Point, turn: float = 0) -> Any:
    """Return a block with its base at `at`."""
    mesh = bmesh.new()
    bmesh.ops.create_cube(mesh, size=1)
    bmesh.ops.scale(mesh, vec=size, verts=mesh.verts)
    bmesh.ops.translate(mesh, vec=(0, 0, size[2] / 2), verts=mesh.verts)
    return solid(name, mesh, material, at, turn)


def cone(name: str, radii: tuple[float, float], height: float, material: Any, at: Point) -> Any:
    """Return a cone, or a column where both radii are equal, with its base at `at`."""
    mesh = bmesh.new()
    base, top = radii
    bmesh.ops.create_cone(mesh, cap_ends=True, segments=48, radius1=base, radius2=top, depth=height)
    bmesh.ops.translate(mesh, vec=(0, 0, height / 2), verts=mesh.verts)
    return solid(name, mesh, material, at)


def sphere(name: str, radius: float, material: Any, at: Point) -> Any:
    """Return a ball around `at`."""
    rings: list[list[Point]] = []
    for n in range(33):
        tilt = min(max(pi * n / 32, 1e-3), pi - 1e-3)  # a ring at each pole, too small to see
        wide, z = radius * sin(tilt), radius * cos(tilt)
        rings.append([(wide * cos(pi * m / 32), wide * sin(pi * m / 32), z) for m in range(64)])
    return solid(name, skin(rings), material, at, rounded=False)


def arch(
    name: str, radii: tuple[float, float], material: Any, at: Vector | Point, turn: float, *, legs: float, depth: float
) -> Any:
    """Return a round arch with its base at `at`; its opening runs along its own x axis."""
    inner, outer = radii
    bow = [(-cos(pi * n / 28), sin(pi * n / 28), legs) for n in range(29)]
    rings: list[list[Point]] = []
    for y, z, lift in [(-1.0, 0.0, 0.0), *bow, (1.0, 0.0, 0.0)]:
        corners = ((-depth / 2, inner), (depth / 2, inner), (depth / 2, outer), (-depth / 2, outer))
        rings.append([(x, radius * y, radius * z + lift) for x, radius in corners])
    return solid(name, skin(rings), material, at, turn)
