"""The colour management names in a .blend file, read from its condensed copy."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from frameloom.model.colours import Colours, ColourSpace
from frameloom.services.scene.block_text import decode, name_of

if TYPE_CHECKING:
    from blender_asset_tracer.blendfile import BlendFile, BlendFileBlock

# IMA_SRC_VIEWER of DNA_image_types.h: the renderer's own images.
_VIEWER = 5
# R_IMF_COLOR_MANAGEMENT_OVERRIDE of DNA_scene_types.h: the output has its own colour management.
_OVERRIDE = 1
# Structs that name colour spaces, besides images and clips: the data of strips, and nodes that convert.
_PARTS = {
    b"Strip": ("a strip", ((b"colorspace_settings", b"name"),)),
    b"NodeConvertColorSpace": ("a node that converts colour spaces", (b"from_color_space", b"to_color_space")),
}


def read_colours(scene: "BlendFileBlock") -> Colours:
    """Return the colour management of a scene's output; files before 2.64 have no such settings."""
    output = (b"r", b"im_format")
    if scene.get((*output, b"color_management"), default=0) == _OVERRIDE:
        linear = decode(scene.get((*output, b"linear_colorspace_settings", b"name"), default=b""))
        return replace(_colours(scene, output), linear=linear)
    return _colours(scene, ())


def _colours(scene: "BlendFileBlock", place: tuple[bytes, ...]) -> Colours:
    def name(*path: bytes) -> str:
        return decode(scene.get(path, default=b""))

    return Colours(
        display=name(*place, b"display_settings", b"display_device"),
        view=name(*place, b"view_settings", b"view_transform"),
        look=name(*place, b"view_settings", b"look"),
        sequencer=name(b"sequencer_colorspace_settings", b"name"),
        exposure=round(scene.get((*place, b"view_settings", b"exposure"), default=0.0), 6),
        gamma=round(scene.get((*place, b"view_settings", b"gamma"), default=1.0), 6),
    )


def find_spaces(blend: "BlendFile") -> tuple[ColourSpace, ...]:
    """Return the colour spaces that images, movie clips, strips and nodes of a file name, each once."""
    return tuple(dict.fromkeys(_spaces(blend)))


def _spaces(blend: "BlendFile") -> Iterator[ColourSpace]:
    for code, kind in ((b"IM", "image"), (b"MC", "movie clip")):
        for block in blend.find_blocks_from_code(code):
            if code == b"IM" and block.get(b"source", default=0) == _VIEWER:
                continue
            name = decode(block.get((b"colorspace_settings", b"name"), default=b""))
            if name:
                yield ColourSpace(owner=f"{kind} {name_of(block)!r}", name=name)
    for block in blend.find_blocks_from_code(b"DATA"):
        owner, fields = _PARTS.get(block.dna_type.dna_type_id, ("", ()))
        for field in fields:
            name = decode(block.get(field, default=b""))
            if name:
                yield ColourSpace(owner=owner, name=name)
