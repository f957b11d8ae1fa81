"""What a .blend file refers to outside of itself, read from its condensed copy."""

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from frameloom.model.assets import MOST_ASSETS, Reference, Spread
from frameloom.services.scene_parts import part_references

if TYPE_CHECKING:
    from blender_asset_tracer.blendfile import BlendFile, BlendFileBlock

# Images, movie clips, libraries, fonts, sounds, cache files (Alembic, USD) and volumes.
_CODES = (b"IM", b"MC", b"LI", b"VF", b"SO", b"CF", b"VO")
# IMA_SRC_* of Blender's DNA_image_types.h; generated images and the renderer's own have no file.
_FILE, _SEQUENCE, _MOVIE, _TILED = 1, 2, 3, 6
_SPREADS: dict[int, Spread] = {_SEQUENCE: "sequence", _TILED: "tiles"}
# MCLIP_SRC_SEQUENCE of DNA_movieclip_types.h.
_CLIP_SEQUENCE = 1
# A font that is part of Blender.
_BUILTIN = "<builtin>"


def references(blend: "BlendFile", file: str) -> tuple[Reference, ...]:
    """Return each path once, in the file's order; what is packed into the file is none.

    Args:
        file: the key or the name of the .blend, after which Blender calls the folder of its caches.
    """
    found = (_reference(block) for code in _CODES for block in blend.find_blocks_from_code(code))
    once: dict[Reference, None] = {}
    for reference in chain(found, part_references(blend, file)):
        if reference is not None:
            once[reference] = None
        if len(once) > MOST_ASSETS:
            # Whoever looks for them refuses so many.
            break
    return tuple(once)


def _reference(block: "BlendFileBlock") -> Reference | None:
    if _packed(block):
        return None
    # Blender calls it filepath everywhere, but keeps in most files the name that it had in the first one.
    path = block.get(b"filepath" if block.has_field(b"filepath") else b"name").decode("utf-8", errors="replace")
    if path in ("", _BUILTIN):
        return None
    if block.code == b"IM":
        source = block.get(b"source")
        if source not in (_FILE, _SEQUENCE, _MOVIE, _TILED):
            return None
        return Reference(path=path, spread=_SPREADS.get(source, "file"))
    sequence = any(_sequences(block))
    return Reference(path=path, spread="sequence" if sequence else "file", library=block.code == b"LI")


def _packed(block: "BlendFileBlock") -> bool:
    if block.has_field(b"packedfile") and block.get(b"packedfile"):
        return True
    # An image has a list, for it may be packed once for each tile and view.
    return block.has_field(b"packedfiles") and bool(block.get((b"packedfiles", b"first")))


def _sequences(block: "BlendFileBlock") -> Iterator[bool]:
    if block.code == b"MC":
        yield block.get(b"source") == _CLIP_SEQUENCE
    if block.has_field(b"is_sequence"):
        yield bool(block.get(b"is_sequence"))
