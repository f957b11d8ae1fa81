"""The references in modifiers, simulation caches, strips and shader nodes.

Each struct is found by a scan over all blocks, not through its owner, since lists in a damaged file may form cycles.
"""

import copy
import posixpath
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from frameloom.model.assets import PathKind, Reference
from frameloom.services.scene.block_text import decode

if TYPE_CHECKING:
    from blender_asset_tracer.blendfile import BlendFile, BlendFileBlock

# Blender's PTCACHE_BAKED, PTCACHE_DISK_CACHE and PTCACHE_EXTERNAL.
_BAKED, _ON_DISK, _EXTERNAL = 1 << 0, 1 << 6, 1 << 9
# Of DNA_fluid_types.h: FLUID_DOMAIN_BAKED_DATA, _NOISE, _MESH, _PARTICLES and _GUIDING, each next to its flag for an
# unfinished bake; FLUID_DOMAIN_CACHE_REPLAY.
_FLUID_BAKED = 1 << 1 | 1 << 3 | 1 << 5 | 1 << 7 | 1 << 9
_FLUID_BAKING = _FLUID_BAKED >> 1
_REPLAY = 0
# NODES_MODIFIER_BAKE_TARGET_* of DNA_modifier_types.h.
_INHERITED, _PACKED = 0, 1
# STRIP_TYPE_* of DNA_sequence_types.h; sounds are separate data-blocks. SEQ_MUTE.
_IMAGE_STRIP, _MOVIE_STRIP, _MUTED = 0, 3, 1 << 5
# NODE_SCRIPT_EXTERNAL and NODE_IES_EXTERNAL of DNA_node_types.h.
_NODE_EXTERNAL = 1
_OWN_FOLDER = re.compile(r"//(?:\.?[/\\])*\.?")
# Structs with a plain path to a file: Mesh Cache, layers of an Alembic file, external data of a mesh.
_PATHS = (
    (b"MeshCacheModifierData", b"filepath"),
    (b"CacheFileLayer", b"filepath"),
    (b"CustomDataExternal", b"filename"),
)


def modifier_references(blend: "BlendFile", file: str) -> Iterator[Reference]:
    """Yield the references of these structs in the .blend file with the name `file`, some more than once."""
    yield from _Structs(blend, file).references()


class _Structs:
    """The blocks of a file, by their structs."""

    def __init__(self, blend: "BlendFile", file: str) -> None:
        self._blocks = blend.block_from_addr
        self._structs: dict[bytes, list[BlendFileBlock]] = {}
        for block in blend.find_blocks_from_code(b"DATA"):
            self._structs.setdefault(block.dna_type.dna_type_id, []).append(block)
        # A file has one folder for all caches; each cache has its own name or that of its object.
        self._caches = f"//blendcache_{posixpath.basename(file).removesuffix('.blend')}"

    def references(self) -> Iterator[Reference]:
        for struct, field in _PATHS:
            for block in self._each(struct):
                yield from _reference(block.get(field))
        for struct, read in (
            (b"OceanModifierData", _ocean),
            (b"FluidDomainSettings", _fluid),
            (b"PointCache", self._point_cache),
            (b"NodesModifierData", self._bakes),
            (b"Sequence", self._strip),
            (b"NodeShaderTexIES", _light),
            (b"NodeShaderScript", _script),
        ):
            for block in self._each(struct):
                yield from read(block)

    def _each(self, struct: bytes) -> Iterator["BlendFileBlock"]:
        for block in self._structs.get(struct, ()):
            yield from _elements(block)

    def _take(self, block: "BlendFileBlock", field: bytes) -> "BlendFileBlock | None":
        """Return the block that a field points to, only once: in a damaged file, thousands may share a long list."""
        return self._blocks.pop(block.get(field, default=0), None)

    def _point_cache(self, cache: "BlendFileBlock") -> Iterator[Reference]:
        flags = cache.get(b"flag")
        baked = bool(flags & _BAKED)
        if flags & _EXTERNAL:
            name = decode(cache.get(b"name"))
            yield from _reference(cache.get(b"path"), "points", name=name, required=baked, written=not baked)
        elif flags & _ON_DISK:
            # Not marked as written: it is beside the scene, and each worker has its own copy of that folder.
            yield Reference(path=self._caches, kind="points", required=baked)

    def _bakes(self, modifier: "BlendFileBlock") -> Iterator[Reference]:
        bakes = self._take(modifier, b"bakes")
        inherited = modifier.get(b"bake_target", default=_INHERITED)
        folders = [bake for bake in _elements(bakes) if _target(bake, inherited) != _PACKED] if bakes else []
        for owner, field in [(modifier, b"simulation_bake_directory"), *((bake, b"directory") for bake in folders)]:
            path = self._take(owner, field) if folders else None
            if path is not None:
                # Not required, since a file does not record whether it was baked.
                yield from _reference(path.as_bytes_string(), "bake", required=False)

    def _strip(self, strip: "BlendFileBlock") -> Iterator[Reference]:
        if strip.get(b"type") not in (_IMAGE_STRIP, _MOVIE_STRIP):
            return
        data = self._take(strip, b"strip")
        elements = None if data is None else self._take(data, b"stripdata")
        if data is None or elements is None:
            return
        folder = data.get(b"dir")
        for element in _elements(elements):
            # Blender does not render muted strips, and renders a missing file as nothing.
            yield from _reference(_joined(folder, element.get(b"name")), required=not strip.get(b"flag") & _MUTED)


def _ocean(modifier: "BlendFileBlock") -> Iterator[Reference]:
    if modifier.get(b"cached"):
        yield from _reference(modifier.get(b"cachepath"), "ocean")


def _fluid(domain: "BlendFileBlock") -> Iterator[Reference]:
    flags = domain.get(b"cache_flag")
    yield from _reference(
        domain.get(b"cache_directory"),
        "fluid",
        required=bool(flags & _FLUID_BAKED),
        written=domain.get(b"cache_type") == _REPLAY or bool(flags & _FLUID_BAKING),
    )


def _light(node: "BlendFileBlock") -> Iterator[Reference]:
    if node.get(b"mode") == _NODE_EXTERNAL:
        yield from _reference(node.get(b"filepath"))


def _script(node: "BlendFileBlock") -> Iterator[Reference]:
    # Only a job that trusts the scene's scripts runs it.
    if node.get(b"mode") == _NODE_EXTERNAL:
        yield from _reference(node.get(b"filepath"), required=False)


def _joined(folder: bytes, name: bytes) -> bytes:
    """Return the path of a strip's file; `//` is the folder of the .blend file."""
    return folder + name if folder.endswith((b"/", b"\\")) else folder + b"/" + name


def _reference(
    path: bytes, kind: PathKind = "file", *, name: str | None = None, required: bool = True, written: bool = False
) -> Iterator[Reference]:
    text = folder_path(decode(path))
    if text or written:
        # Without a path, Blender chooses a folder to write to.
        yield Reference(path=text or "//", kind=kind, name=name, required=required, written=written)


def folder_path(text: str) -> str:
    """Return a path without the slashes at its end, which a folder may have; `//` is the folder of the file."""
    return "//" if _OWN_FOLDER.fullmatch(text) else text.rstrip("/\\")


def _elements(block: "BlendFileBlock") -> Iterator["BlendFileBlock"]:
    """Yield each struct of a block with an array of structs, up to the size of the block."""
    size = block.dna_type.size
    for number in range(min(block.count, block.size // size) if size else 0):
        one = copy.copy(block)
        one.size, one.file_offset = size, block.file_offset + number * size
        yield one


def _target(bake: "BlendFileBlock", inherited: int) -> int:
    own: int = bake.get(b"bake_target", default=_INHERITED)
    return inherited if own == _INHERITED else own
