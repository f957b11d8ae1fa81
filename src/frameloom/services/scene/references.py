"""What a .blend file refers to outside of itself, read from its condensed copy."""

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from frameloom.model.assets import MOST_ASSETS, Reference, Spread
from frameloom.model.blender_paths import BUILTIN_FONT
from frameloom.services.scene.import_paths import import_references, linked_groups
from frameloom.services.scene.modifier_references import part_references

if TYPE_CHECKING:
    from blender_asset_tracer.blendfile import BlendFile, BlendFileBlock

# Images, movie clips, libraries, fonts, sounds, cache files (Alembic, USD), volumes, and cameras that are code.
_CODES = (b"IM", b"MC", b"LI", b"VF", b"SO", b"CF", b"VO", b"CA")
# IMA_SRC_* of Blender's DNA_image_types.h; generated images and the renderer's own have no file.
_FILE, _SEQUENCE, _MOVIE, _TILED = 1, 2, 3, 6
_SPREADS: dict[int, Spread] = {_SEQUENCE: "sequence", _TILED: "tiles"}
# CAM_CUSTOM and CAM_CUSTOM_SHADER_EXTERNAL of DNA_camera_types.h.
_CUSTOM, _CUSTOM_EXTERNAL = 3, 1
# MCLIP_SRC_SEQUENCE of DNA_movieclip_types.h.
_CLIP_SEQUENCE = 1


def references(blend: "BlendFile", file: str) -> tuple[Reference, ...]:
    """Return each path once, in the file's order; what is packed into the file is none.

    Args:
        file: the key or the name of the .blend, after which Blender calls the folder of its caches.
    """
    groups = linked_groups(blend)
    blocks = (block for code in _CODES for block in blend.find_blocks_from_code(code))
    found = (reference for block in blocks for reference in _references(block, groups))
    once: dict[Reference, None] = {}
    for reference in chain(found, import_references(blend), part_references(blend, file)):
        once[reference] = None
        if len(once) > MOST_ASSETS:
            # Whoever looks for them refuses so many.
            break
    return tuple(once)


def _references(block: "BlendFileBlock", groups: dict[int, tuple[str, ...]]) -> Iterator[Reference]:
    if _packed(block):
        return
    if block.code == b"CA":
        if block.get(b"type") == _CUSTOM and block.get(b"custom_mode") == _CUSTOM_EXTERNAL:
            # The camera is code, which runs only if the job trusts the scene.
            yield from _at(block.get(b"custom_filepath"), required=False)
        return
    # Blender calls it filepath everywhere, but keeps in most files the name that it had in the first one.
    path = block.get(b"filepath" if block.has_field(b"filepath") else b"name")
    if block.code == b"IM":
        source = block.get(b"source")
        if source in (_FILE, _SEQUENCE, _MOVIE, _TILED):
            spread = _SPREADS.get(source, "file")
            yield from _at(path, spread)
            for view in _views(block):
                yield from _at(view, spread, unguarded=True)
    elif block.code == b"LI":
        # Packed data of a library needs no file.
        if not block.get(b"archive_parent_library", default=0) and (groups.get(block.addr_old) is not None):
            yield from _at(path, library=True, groups=groups[block.addr_old])
    else:
        yield from _at(path, "sequence" if any(_sequences(block)) else "file")


def _at(path: bytes, spread: Spread = "file", **also: Any) -> Iterator[Reference]:
    text = path.decode("utf-8", errors="replace")
    if text not in ("", BUILTIN_FONT):
        yield Reference(path=text, spread=spread, **also)


def _views(image: "BlendFileBlock") -> list[bytes]:
    """Return the paths of a stereo image's views: Blender has several views for it, or one with a name."""
    views, seen = [], set()
    address = image.get((b"views", b"first"), default=0)
    while address not in seen and (view := image.bfile.block_from_addr.get(address)) is not None:
        seen.add(address)
        views.append(view)
        address = view.get(b"next")
    return [view.get(b"filepath") for view in views] if len(views) > 1 or any(v.get(b"name") for v in views) else []


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
