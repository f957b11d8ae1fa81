"""Reads the view layers and the render options of a scene from a .blend file."""

from typing import TYPE_CHECKING

from frameloom.model.view_layers import ViewLayer
from frameloom.services.scene.block_text import decode
from frameloom.services.scene.read_sources import chain

if TYPE_CHECKING:
    from blender_asset_tracer.blendfile import BlendFileBlock

# VIEW_LAYER_RENDER of DNA_layer_types.h.
_RENDERED = 1
# The properties of a view layer in Blender's Python, after `use_pass_`, with their names in the interface and their
# bits SCE_PASS_*, in the interface's order.
PASSES = {
    "combined": ("Combined", 1), "z": ("Z", 1 << 1), "mist": ("Mist", 1 << 14), "position": ("Position", 1 << 7),
    "normal": ("Normal", 1 << 8), "vector": ("Vector", 1 << 9), "uv": ("UV", 1 << 12),
    "object_index": ("Object Index", 1 << 11), "material_index": ("Material Index", 1 << 18),
    "diffuse_direct": ("Diffuse Direct", 1 << 19), "diffuse_indirect": ("Diffuse Indirect", 1 << 20),
    "diffuse_color": ("Diffuse Color", 1 << 21), "glossy_direct": ("Glossy Direct", 1 << 22),
    "glossy_indirect": ("Glossy Indirect", 1 << 23), "glossy_color": ("Glossy Color", 1 << 24),
    "transmission_direct": ("Transmission Direct", 1 << 25),
    "transmission_indirect": ("Transmission Indirect", 1 << 26),
    "transmission_color": ("Transmission Color", 1 << 27),
    "emit": ("Emission", 1 << 16), "environment": ("Environment", 1 << 17), "shadow": ("Shadow", 1 << 5),
    "ambient_occlusion": ("Ambient Occlusion", 1 << 6),
}  # fmt: skip
# The same for VIEW_LAYER_CRYPTOMATTE_*.
CRYPTOMATTE = {
    "cryptomatte_object": ("Cryptomatte Object", 1),
    "cryptomatte_material": ("Cryptomatte Material", 1 << 1),
    "cryptomatte_asset": ("Cryptomatte Asset", 1 << 2),
}
# The properties of `scene.render`, with their names in the interface and their bits R_* of DNA_scene_types.h.
OPTIONS = {
    "use_motion_blur": ("Motion Blur", 1 << 14), "use_freestyle": ("Freestyle", 1 << 25),
    "use_simplify": ("Simplify", 1 << 24), "use_border": ("Render Region", 1 << 9),
    "use_crop_to_border": ("Crop to Render Region", 1 << 11),
}  # fmt: skip
# Transparent, in the panel Film: R_ALPHAPREMUL of `alphamode`.
TRANSPARENT = "film_transparent", "Transparent"
_TRANSPARENT = 1
# R_IMF_PLANES_* of `planes`, and R_IMF_CHAN_DEPTH_* of `depth`, with their names in Blender's Python.
_COLOR_MODES = {8: "BW", 24: "RGB", 32: "RGBA"}
_COLOR_DEPTHS = {1 << 1: "8", 1 << 2: "10", 1 << 3: "12", 1 << 4: "16", 1 << 6: "32"}


def read_view_layers(scene: "BlendFileBlock") -> tuple[ViewLayer, ...]:
    """Return the view layers of a scene's block; none before Blender 2.80, which had render layers."""
    if not scene.has_field(b"view_layers"):
        return ()
    return tuple(_view_layer(block) for block in chain(scene, b"view_layers"))


def _view_layer(block: "BlendFileBlock") -> ViewLayer:
    bits, mattes = block.get(b"passflag"), block.get(b"cryptomatte_flag", default=0)
    found = [name for name, bit in PASSES.values() if bits & bit]
    found += [name for name, bit in CRYPTOMATTE.values() if mattes & bit]
    for parts in (b"aovs", b"lightgroups"):
        if block.has_field(parts):
            found += [decode(part.get(b"name")) for part in chain(block, parts)]
    name, rendered = decode(block.get(b"name")), bool(block.get(b"flag") & _RENDERED)
    return ViewLayer(name=name, rendered=rendered, passes=tuple(found))


def read_options(scene: "BlendFileBlock") -> tuple[str, ...]:
    """Return the names of the render options that are on."""
    bits = scene.get((b"r", b"mode"))
    found = [name for name, bit in OPTIONS.values() if bits & bit]
    transparent = scene.get((b"r", b"alphamode"), default=0) == _TRANSPARENT
    return (*found, TRANSPARENT[1]) if transparent else tuple(found)


def read_colour_depth(scene: "BlendFileBlock") -> tuple[str, str]:
    """Return Blender's identifiers of the output's colour mode and depth, empty before Blender 2.61."""
    mode = scene.get((b"r", b"im_format", b"planes"), default=0)
    depth = scene.get((b"r", b"im_format", b"depth"), default=0)
    return _COLOR_MODES.get(mode, ""), _COLOR_DEPTHS.get(depth, "")
