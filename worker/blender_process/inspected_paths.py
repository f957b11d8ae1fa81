"""Finds the references of the open file with Blender, as `frameloom.services.scene.references` finds them in a file."""

import posixpath
from collections.abc import Iterator
from typing import Any

import bpy

from frameloom.model.assets import PathKind, Reference
from frameloom.model.blender_paths import BUILTIN_FONT
from frameloom.services.scene.modifier_references import folder_path
from worker.blender_process.path_guard import list_imports, list_paths

_IMAGE_KINDS: dict[str, PathKind] = {"FILE": "file", "MOVIE": "file", "SEQUENCE": "sequence", "TILED": "tiles"}
# The structs of folders that Blender reads, by their kinds.
_BAKES = ("NodesModifier", "NodesModifierBake")
_FLUID_PARTS = ("data", "noise", "mesh", "particles", "guide")


def find_references(file: str) -> tuple[Reference, ...]:
    """Return each reference of the open file once, without data packed into it.

    Args:
        file: the key or the name of the .blend file, from which Blender derives the folder of its caches.
    """
    caches = f"//blendcache_{posixpath.basename(file).removesuffix('.blend')}"
    found = dict.fromkeys(_libraries())
    for owner, name in list_paths():
        if owner.id_data.library is None:
            found |= dict.fromkeys(_references(owner, name, caches))
    return tuple(found | dict.fromkeys(_imports()))


def _libraries() -> Iterator[Reference]:
    own = bpy.utils.system_resource("DATAFILES")
    for library in bpy.data.libraries:
        if library.filepath.startswith(own):
            # Blender links its own brushes into each file.
            continue
        # Libraries of libraries are references of those files. Data that is packed needs no file.
        if library.parent is None and library.packed_file is None and not getattr(library, "is_archive", False):
            groups = tuple(
                tree.name for tree in bpy.data.node_groups if tree.library == library and not tree.is_library_indirect
            )
            yield Reference(path=library.filepath, library=True, groups=groups)


def _imports() -> Iterator[Reference]:
    for tree, found in list_imports():
        if tree.library is not None:
            continue
        if found.computed:
            yield Reference(path="", node=found.where)
        for group in found.exposed:
            yield Reference(path="", node=found.where, group=group.name)
        for slot in found.slots:
            if slot.text:
                yield Reference(path=slot.text, required=not found.node.muted)


def _references(owner: Any, name: str, caches: str) -> Iterator[Reference]:
    """Yield the references of one path property."""
    path, struct = getattr(owner, name), owner.bl_rna.identifier
    if isinstance(owner, bpy.types.PointCache):
        yield from _point_cache(owner, caches)
    elif isinstance(owner, bpy.types.Image):
        yield from _image(owner)
    elif isinstance(owner, bpy.types.ImageStrip):
        for element in owner.elements:
            between = "" if path.endswith(("/", "\\")) else "/"
            yield Reference(path=folder_path(path + between + element.filename), required=not owner.mute)
    elif struct in _READERS:
        yield from _READERS[struct](owner, path)
    elif struct in ("PointCacheItem", "StripElement") or "Proxy" in struct or name == "proxy_dir":
        # Part of a reference above, or a proxy, which no farm fetches.
        return
    elif isinstance(owner, bpy.types.Sound):
        if path and owner.packed_file is None:
            # A job renders frames, and a film of frames, without sound.
            yield Reference(path=path, required=False, seen=False)
    elif path not in ("", BUILTIN_FONT) and getattr(owner, "packed_file", None) is None:
        sequence = getattr(owner, "is_sequence", False) or getattr(owner, "source", "") == "SEQUENCE"
        yield Reference(path=folder_path(path), kind="sequence" if sequence else "file")


def _image(image: Any) -> Iterator[Reference]:
    kind = _IMAGE_KINDS.get(image.source)
    if kind is None or image.packed_files or not image.filepath_raw:
        return
    yield Reference(path=image.filepath_raw, kind=kind)
    if image.is_multiview and image.views_format == "INDIVIDUAL":
        # Blender's Python does not expose the paths of the views. Blender derives them from the image's own path.
        stem, ending = posixpath.splitext(image.filepath_raw)
        suffixes = {view.file_suffix for scene in bpy.data.scenes for view in scene.render.views}
        for suffix in sorted(suffixes):
            base = next((stem.removesuffix(one) for one in suffixes if stem.endswith(one)), stem)
            yield Reference(path=base + suffix + ending, kind=kind, unguarded=True)


def _point_cache(cache: Any, caches: str) -> Iterator[Reference]:
    if cache.use_external:
        path = folder_path(cache.filepath) or "//"
        baked = cache.is_baked
        yield Reference(path=path, kind="points", name=cache.name, required=baked, written=not baked)
    elif cache.use_disk_cache:
        yield Reference(path=caches, kind="points", required=cache.is_baked)


def _fluid(domain: Any, path: str) -> Iterator[Reference]:
    baked = any(getattr(domain, f"has_cache_baked_{part}") for part in _FLUID_PARTS)
    baking = any(getattr(domain, f"is_cache_baking_{part}") for part in _FLUID_PARTS)
    written = domain.cache_type == "REPLAY" or baking
    if path or written:
        yield Reference(path=folder_path(path) or "//", kind="fluid", required=baked, written=written)


def _bakes(owner: Any, path: str) -> Iterator[Reference]:
    if not path:
        return
    if owner.bl_rna.identifier == "NodesModifierBake":
        modifier = next(one for one in owner.id_data.modifiers if owner in list(getattr(one, "bakes", ())))
        on_disk = _target(owner, modifier) != "PACKED"
    else:
        on_disk = any(_target(bake, owner) != "PACKED" for bake in owner.bakes)
    if on_disk:
        yield Reference(path=folder_path(path), kind="bake", required=False)


def _target(bake: Any, modifier: Any) -> str:
    own = getattr(bake, "bake_target", "INHERIT")
    return str(getattr(modifier, "bake_target", "DISK") if own == "INHERIT" else own)


def _ocean(modifier: Any, path: str) -> Iterator[Reference]:
    if modifier.is_cached and path:
        yield Reference(path=folder_path(path), kind="ocean")


def _multires(modifier: Any, path: str) -> Iterator[Reference]:
    if modifier.is_external and path:
        yield Reference(path=path)


def _movie_strip(strip: Any, path: str) -> Iterator[Reference]:
    if path:
        yield Reference(path=path, required=not strip.mute)


def _light(node: Any, path: str) -> Iterator[Reference]:
    if node.mode == "EXTERNAL" and path:
        yield Reference(path=path)


def _code(owner: Any, path: str) -> Iterator[Reference]:
    # Only a job that trusts the scene's scripts runs it.
    mode = owner.custom_mode if isinstance(owner, bpy.types.Camera) else owner.mode
    used = not isinstance(owner, bpy.types.Camera) or owner.type == "CUSTOM"
    if used and mode == "EXTERNAL" and path:
        yield Reference(path=path, required=False)


_READERS: dict[str, Any] = {
    "FluidDomainSettings": _fluid,
    "OceanModifier": _ocean,
    "MultiresModifier": _multires,
    "MovieStrip": _movie_strip,
    "MovieSequence": _movie_strip,
    "ShaderNodeTexIES": _light,
    "ShaderNodeScript": _code,
    "Camera": _code,
    **dict.fromkeys(_BAKES, _bakes),
}
