"""Render engines and their settings."""

import re
from collections.abc import Callable

from tests.compatibility.rows import Group, Stage

rows = Group("Engines")


@rows.same("Cycles")
def _(s: Stage) -> None:
    s.scene.cycles.samples = 2


@rows.same("Cycles, Seed animated")
def _(s: Stage) -> None:
    s.scene.cycles.use_animated_seed = True


@rows.same("Cycles, Noise Threshold", samples=8)
def _(s: Stage) -> None:
    s.scene.cycles.use_adaptive_sampling, s.scene.cycles.adaptive_threshold = True, 0.2


@rows.same("Cycles, Denoise (OpenImageDenoise)", frames=(1, 1))
def _(s: Stage) -> None:
    s.scene.cycles.use_denoising = True


@rows.same("Cycles, device GPU in the scene")
def _(s: Stage) -> None:
    s.scene.cycles.device = "GPU"


@rows.same("Cycles, Persistent Data")
def _(s: Stage) -> None:
    s.render.use_persistent_data = True


@rows.same("Cycles, tiles")
def _(s: Stage) -> None:
    s.scene.cycles.use_auto_tile, s.scene.cycles.tile_size = True, 8


@rows.same("Cycles, Light Tree and light linking")
def _(s: Stage) -> None:
    other = s.add("Other", s.cube_mesh("Other", 0.5))
    other.location.x = 2
    linked = s.data.collections.new("Receivers")
    linked.objects.link(s.cube)
    s.light.light_linking.receiver_collection = linked


@rows.same("Cycles, Fast GI Approximation")
def _(s: Stage) -> None:
    s.scene.cycles.use_fast_gi = True


@rows.same("Cycles, Film Transparent")
def _(s: Stage) -> None:
    s.render.film_transparent = True


@rows.same("Cycles, Holdout and Shadow Catcher")
def _(s: Stage) -> None:
    s.render.film_transparent = True
    hole = s.add("Hole", s.cube_mesh("Hole", 0.4))
    hole.location, hole.is_holdout = (0.5, -2, 0), True
    floor = s.add("Floor", s.cube_mesh("Floor", 3))
    floor.location.z, floor.is_shadow_catcher = -4, True


@rows.same("Cycles, Subsurface Scattering, Transmission and Coat", samples=4)
def _(s: Stage) -> None:
    surface = s.surface()
    for name in ("Subsurface Weight", "Transmission Weight", "Coat Weight"):
        surface.inputs[name].default_value = 0.3


@rows.same("Cycles, adaptive subdivision and displacement")
def _(s: Stage) -> None:
    if s.version < (5, 0):
        s.scene.cycles.feature_set = "EXPERIMENTAL"
    s.cube.modifiers.new("Subdivision", "SUBSURF").render_levels = 3
    material = s.cube.data.materials[0]
    material.displacement_method = "BOTH"
    noise, displace = s.node("ShaderNodeTexNoise"), s.node("ShaderNodeDisplacement")
    output = next(node for node in material.node_tree.nodes if node.type == "OUTPUT_MATERIAL")
    material.node_tree.links.new(noise.outputs[0], displace.inputs["Height"])
    material.node_tree.links.new(displace.outputs[0], output.inputs["Displacement"])


@rows.same("Cycles, Simplify")
def _(s: Stage) -> None:
    s.render.use_simplify, s.render.simplify_subdivision_render = True, 1
    s.cube.modifiers.new("Subdivision", "SUBSURF").render_levels = 3


@rows.same("Workbench", engine="BLENDER_WORKBENCH")
def _(s: Stage) -> None:
    s.scene.display.shading.light = "STUDIO"


@rows.same("Workbench, Cavity, Shadow and Outline", engine="BLENDER_WORKBENCH")
def _(s: Stage) -> None:
    shading = s.scene.display.shading
    shading.show_cavity = shading.show_shadows = shading.show_object_outline = True
    shading.color_type = "RANDOM"


@rows.same("EEVEE", engine="EEVEE", size=(16, 16), frames=(1, 3))
def _(s: Stage) -> None:
    s.scene.eevee.taa_render_samples = 1


@rows.same("An engine chosen by the job", request={"engine": "WORKBENCH"})
def _(s: Stage) -> None:
    s.scene.display.shading.color_type = "MATERIAL"


@rows.same("Samples and resolution chosen by the job", request={"samples": 3, "resolution_percentage": 50})
def _(s: Stage) -> None:
    s.render.resolution_percentage = 100


def _engine(name: str) -> Callable[[bytes], bytes]:
    """Return a function that replaces the engine in a file, where it is followed by the rest of a longer name."""

    def edit(data: bytes) -> bytes:
        return re.sub(rb"CYCLES\0[A-Z_0]{0,25}\0*", lambda found: name.encode().ljust(len(found[0]), b"\0"), data)

    return edit


@rows.refused("An add-on's engine", "InvalidRequest", "LUXCORE", edit=_engine("LUXCORE"))
def _(s: Stage) -> None:
    del s


@rows.refused("Blender Internal", "InvalidRequest", "Blender Internal", edit=_engine("BLENDER_RENDER"))
def _(s: Stage) -> None:
    del s
