"""The references of a .blend file to other files, read from its condensed copy."""

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from frameloom.model.assets import MAX_ASSETS, PathKind, Reference
from frameloom.model.blender_paths import BUILTIN_FONT
from frameloom.services.scene.block_text import decode, name_of
from frameloom.services.scene.import_paths import import_references, linked_groups
from frameloom.services.scene.modifier_references import modifier_references

if TYPE_CHECKING:
    from blender_asset_tracer.blendfile import BlendFile, BlendFileBlock

# Images, movie clips, libraries, fonts, sounds, cache files (Alembic, USD), volumes, and custom cameras.
_CODES = (b"IM", b"MC", b"LI", b"VF", b"SO", b"CF", b"VO", b"CA")
# IMA_SRC_* of Blender's DNA_image_types.h; generated images and render results have no file.
_FILE, _SEQUENCE, _MOVIE, _TILED = 1, 2, 3, 6
_RENDERED = frozenset({"Render Result", "Viewer Node", "Compositor"})
_KINDS: dict[int, PathKind] = {_SEQUENCE: "sequence", _TILED: "tiles"}
# CAM_CUSTOM and CAM_CUSTOM_SHADER_EXTERNAL of DNA_camera_types.h.
_CUSTOM, _CUSTOM_EXTERNAL = 3, 1
# MCLIP_SRC_SEQUENCE of DNA_movieclip_types.h.
_CLIP_SEQUENCE = 1


def find_references(blend: "BlendFile", file: str) -> tuple[Reference, ...]:
    """Return each reference once, in the file's order, without data packed into the file.

    Args:
        file: the key or the name of the .blend file, from which Blender derives the folder of its caches.
    """
    groups = linked_groups(blend)
    blocks = (block for code in _CODES for block in blend.find_blocks_from_code(code))
    found = (reference for block in blocks for reference in _references(block, groups))
    once: dict[Reference, None] = {}
    for reference in chain(found, import_references(blend), modifier_references(blend, file)):
        once[reference] = None
        if len(once) > MAX_ASSETS:
            # `find_assets` refuses more.
            break
    return tuple(once)


def _references(block: "BlendFileBlock", groups: dict[int, tuple[str, ...]]) -> Iterator[Reference]:
    if _packed(block) and block.code != b"LI":
        return
    if block.code == b"CA":
        if block.get(b"type") == _CUSTOM and block.get(b"custom_mode") == _CUSTOM_EXTERNAL:
            # A custom camera is code, which runs only if the job trusts the scene.
            yield from _reference(block.get(b"custom_filepath"), required=False)
        return
    # `name` wherever there is one: a library's `filepath` (2.5 to 2.9) or `filename` (2.4) is the absolute path on the
    # machine that saved the file.
    path = block.get(b"name" if block.has_field(b"name") else b"filepath")
    if block.code == b"IM":
        source = _source(block)
        if source in (_FILE, _SEQUENCE, _MOVIE, _TILED):
            kind = _KINDS.get(source, "file")
            yield from _reference(path, kind)
            for view in _views(block):
                yield from _reference(view, kind, unguarded=True)
    elif block.code == b"LI":
        # A library whose data is packed needs no file.
        if not block.get(b"archive_parent_library", default=0) and (groups.get(block.addr_old) is not None):
            # The reader replaces the address of a packed library by its contents.
            packed = block.get(b"packedfile", default=0) or None
            yield from _reference(path, library=True, groups=groups[block.addr_old], packed=packed)
    elif block.code == b"SO":
        # A job renders frames, and a film of frames, without sound.
        yield from _reference(path, required=False, seen=False)
    else:
        yield from _reference(path, "sequence" if _is_sequence(block) else "file")


def _reference(path: bytes, kind: PathKind = "file", **fields: Any) -> Iterator[Reference]:
    text = decode(path)
    if text not in ("", BUILTIN_FONT):
        yield Reference(path=text, kind=kind, **fields)


def _source(image: "BlendFileBlock") -> int:
    """Return an image's source; before 2.43 an image was a file, except for the renderer's own images."""
    named_source = 0 if name_of(image) in _RENDERED else _FILE
    source: int = image.get(b"source", default=named_source)
    return source


def _views(image: "BlendFileBlock") -> list[bytes]:
    """Return the paths of a stereo image's views. Such an image has several views, or one with a name."""
    views, seen = [], set()
    address = image.get((b"views", b"first"), default=0)
    while address not in seen and (view := image.bfile.block_from_addr.get(address)) is not None:
        seen.add(address)
        views.append(view)
        address = view.get(b"next")
    return [view.get(b"filepath") for view in views] if len(views) > 1 or any(v.get(b"name") for v in views) else []


def _packed(block: "BlendFileBlock") -> bool:
    # Sounds before 2.50 have `newpackedfile`.
    if any(block.get(field, default=0) for field in (b"packedfile", b"newpackedfile")):
        return True
    # An image has a list: each tile and view may be packed.
    return block.has_field(b"packedfiles") and bool(block.get((b"packedfiles", b"first")))


def _is_sequence(block: "BlendFileBlock") -> bool:
    if block.code == b"MC" and block.get(b"source") == _CLIP_SEQUENCE:
        return True
    return block.has_field(b"is_sequence") and bool(block.get(b"is_sequence"))
