"""Blender's shader nodes as arithmetic: `colour = a + b * 0.5` adds the nodes and links of that formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Shader:
    """The node tree of a material or a lamp, with the few verbs the scene needs."""

    tree: Any

    def node(self, kind: str, inputs: dict[Any, Any], **settings: Any) -> Any:
        """Return a new node whose inputs, by name or number, are linked (terms) or set (values)."""
        made = self.tree.nodes.new(f"ShaderNode{kind}")
        for name, value in settings.items():
            setattr(made, name, value)
        self.feed(made, inputs)
        return made

    def feed(self, node: Any, inputs: dict[Any, Any]) -> None:
        """Link or set a node's inputs."""
        for key, value in inputs.items():
            if isinstance(value, Term):
                self.tree.links.new(value.socket, node.inputs[key])
            else:
                node.inputs[key].default_value = value

    def term(self, kind: str, inputs: dict[Any, Any], output: int | str = 0, **settings: Any) -> Term:
        """Return one output of a new node."""
        return Term(self, self.node(kind, inputs, **settings).outputs[output])

    def math(self, operation: str, *operands: Any) -> Term:
        """Return the result of one of Blender's math operations on numbers and terms."""
        return self.term("Math", dict(enumerate(operands)), operation=operation)

    def mix(self, factor: Term, below: Any, above: Any) -> Term:
        """Return the colour `below` where the factor is 0 and `above` where it is 1."""
        below, above = (rgba(colour) if isinstance(colour, tuple) else colour for colour in (below, above))
        return self.term("Mix", {0: factor, 6: below, 7: above}, 2, data_type="RGBA")

    def bands(self, value: Term, stops: list[tuple[float, Colour]]) -> Term:
        """Return the colour of the last stop that the value has reached."""
        made = self.node("ValToRGB", {0: value})
        ramp = made.color_ramp
        ramp.interpolation = "CONSTANT"
        while len(ramp.elements) < len(stops):
            ramp.elements.new(1)
        for element, (at, colour) in zip(ramp.elements, stops, strict=True):
            element.position, element.color = at, rgba(colour)
        return Term(self, made.outputs["Color"])

    def ease(self, value: Term, zero: float, one: float) -> Term:
        """Return 0 where the value is at `zero` or beyond, 1 at `one` or beyond, smooth between."""
        return self.term("MapRange", {0: value, 1: zero, 2: one}, interpolation_type="SMOOTHSTEP")


@dataclass(frozen=True, slots=True)
class Term:
    """An output of a node that adds, multiplies and compares like a number."""

    shader: Shader
    socket: Any

    def __add__(self, other: Any) -> Term:
        return self.shader.math("ADD", self, other)

    def __sub__(self, other: Any) -> Term:
        return self.shader.math("SUBTRACT", self, other)

    def __mul__(self, other: Any) -> Term:
        return self.shader.math("MULTIPLY", self, other)

    def __lt__(self, other: Any) -> Term:
        return self.shader.math("LESS_THAN", self, other)

    def __gt__(self, other: Any) -> Term:
        return self.shader.math("GREATER_THAN", self, other)

    def __abs__(self) -> Term:
        return self.shader.math("ABSOLUTE", self)

    def xyz(self) -> tuple[Term, Term, Term]:
        """Return the three parts of a vector or colour."""
        x, y, z = self.shader.node("SeparateXYZ", {0: self}).outputs
        return Term(self.shader, x), Term(self.shader, y), Term(self.shader, z)


def rgba(colour: Colour) -> tuple[float, float, float, float]:
    """Return the colour with the alpha that Blender's sockets ask for."""
    return (*colour, 1.0)


def bare(name: str) -> tuple[Any, Shader]:
    """Return a new material that shades nothing yet, and its shader."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    material.node_tree.nodes.remove(material.node_tree.nodes["Principled BSDF"])
    return material, Shader(material.node_tree)


def finish(shader: Shader, colour: Any, gloss: float = 0, roughness: float = 0.2) -> None:
    """Make the surface diffuse, under a coat that mirrors the share `gloss` of the light face on.

    Blender's Principled shader would do too, but these two trace faster, and a farm of any
    size starts with one small machine.
    """
    surface = shader.term("BsdfDiffuse", {"Color": colour})
    if gloss:
        coat = shader.term("BsdfGlossy", {"Color": rgba((1, 1, 1)), "Roughness": roughness})
        rim = shader.term("LayerWeight", {"Blend": 0.25}, "Facing")
        share = shader.math("POWER", rim, 3) * 0.35 + gloss
        surface = shader.term("MixShader", {0: share, 1: surface, 2: coat})
    shader.feed(shader.tree.nodes["Material Output"], {"Surface": surface})
