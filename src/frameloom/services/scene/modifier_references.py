"""What parts of a scene's data refer to: modifiers, caches of simulations, strips of the sequencer, and nodes.

Each is found by its struct, wherever in the file it is, and not by a walk from its owner: lists of a damaged file may
bite their own tail.
"""

import copy
import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING

from frameloom.model.assets import Reference, Spread

if TYPE_CHECKING:
    from blender_asset_tracer.blendfile import BlendFile, BlendFileBlock

# Blender's PTCACHE_BAKED, PTCACHE_DISK_CACHE and PTCACHE_EXTERNAL.
_BAKED, _ON_DISK, _EXTERNAL = 1 << 0, 1 << 6, 1 << 9
# Of DNA_fluid_types.h: FLUID_DOMAIN_BAKED_DATA, _NOISE, _MESH, _PARTICLES and _GUIDING, each beside the flag that it
# is baking; FLUID_DOMAIN_CACHE_REPLAY.
_FLUID_BAKED = 1 << 1 | 1 << 3 | 1 << 5 | 1 << 7 | 1 << 9
_FLUID_BAKING = _FLUID_BAKED >> 1
_REPLAY = 0
# NODES_MODIFIER_BAKE_TARGET_* of DNA_modifier_types.h.
_INHERITED, _PACKED = 0, 1
# STRIP_TYPE_* of DNA_sequence_types.h; sounds are data of their own. SEQ_MUTE.
_IMAGE_STRIP, _MOVIE_STRIP, _MUTED = 0, 3, 1 << 5
# NODE_SCRIPT_EXTERNAL and NODE_IES_EXTERNAL of DNA_node_types.h.
_NODE_EXTERNAL = 1
# What is nothing but a path, always of a file: of Mesh Cache, of what is laid over an Alembic file, of a mesh's masks.
_PATHS = (
    (b"MeshCacheModifierData", b"filepath"),
    (b"CacheFileLayer", b"filepath"),
    (b"CustomDataExternal", b"filename"),
)


def part_references(blend: "BlendFile", file: str) -> Iterator[Reference]:
    """Yield what the parts of a .blend called `file` refer to, some of it more than once."""
    yield from _Parts(blend, file).references()


class _Parts:
    """The parts of one file by their structs."""

    def __init__(self, blend: "BlendFile", file: str) -> None:
        self._blocks = blend.block_from_addr
        self._parts: dict[bytes, list[BlendFileBlock]] = {}
        for block in blend.find_blocks_from_code(b"DATA"):
            self._parts.setdefault(block.dna_type.dna_type_id, []).append(block)
        # All caches of a file lie in one folder, each under its own or its object's name.
        self._caches = f"//blendcache_{posixpath.basename(file).removesuffix('.blend')}"

    def references(self) -> Iterator[Reference]:
        for struct, field in _PATHS:
            for part in self._each(struct):
                yield from _at(part.get(field))
        for struct, read in (
            (b"OceanModifierData", _ocean),
            (b"FluidDomainSettings", _fluid),
            (b"PointCache", self._point_cache),
            (b"NodesModifierData", self._bakes),
            (b"Sequence", self._strip),
            (b"NodeShaderTexIES", _light),
            (b"NodeShaderScript", _script),
        ):
            for part in self._each(struct):
                yield from read(part)

    def _each(self, struct: bytes) -> Iterator["BlendFileBlock"]:
        for block in self._parts.get(struct, ()):
            yield from _elements(block)

    def _own(self, part: "BlendFileBlock", field: bytes) -> "BlendFileBlock | None":
        """Return what a part points to, once: thousands of parts that share what is long would take for ever."""
        return self._blocks.pop(part.get(field, default=0), None)

    def _point_cache(self, cache: "BlendFileBlock") -> Iterator[Reference]:
        flags = cache.get(b"flag")
        baked = bool(flags & _BAKED)
        if flags & _EXTERNAL:
            yield from _at(cache.get(b"path"), "points", required=baked, written=not baked)
        elif flags & _ON_DISK:
            # Not said to be written: it lies beside the scene, which every worker has for itself.
            yield Reference(path=self._caches, spread="points", required=baked)

    def _bakes(self, modifier: "BlendFileBlock") -> Iterator[Reference]:
        bakes = self._own(modifier, b"bakes")
        inherited = modifier.get(b"bake_target", default=_INHERITED)
        folders = [bake for bake in _elements(bakes) if _target(bake, inherited) != _PACKED] if bakes else []
        for owner, field in [(modifier, b"simulation_bake_directory"), *((bake, b"directory") for bake in folders)]:
            path = self._own(owner, field) if folders else None
            if path is not None:
                # Whether it was ever baked the file does not say.
                yield from _at(path.as_bytes_string(), "bake", required=False)

    def _strip(self, strip: "BlendFileBlock") -> Iterator[Reference]:
        if strip.get(b"type") not in (_IMAGE_STRIP, _MOVIE_STRIP):
            return
        data = self._own(strip, b"strip")
        elements = None if data is None else self._own(data, b"stripdata")
        if data is None or elements is None:
            return
        folder = data.get(b"dir").rstrip(b"/\\")
        for element in _elements(elements):
            # Blender renders a muted one never, and one that is not there as nothing.
            yield from _at(folder + b"/" + element.get(b"name"), required=not strip.get(b"flag") & _MUTED)


def _ocean(modifier: "BlendFileBlock") -> Iterator[Reference]:
    if modifier.get(b"cached"):
        yield from _at(modifier.get(b"cachepath"), "ocean")


def _fluid(domain: "BlendFileBlock") -> Iterator[Reference]:
    flags = domain.get(b"cache_flag")
    yield from _at(
        domain.get(b"cache_directory"),
        "fluid",
        required=bool(flags & _FLUID_BAKED),
        written=domain.get(b"cache_type") == _REPLAY or bool(flags & _FLUID_BAKING),
    )


def _light(node: "BlendFileBlock") -> Iterator[Reference]:
    if node.get(b"mode") == _NODE_EXTERNAL:
        yield from _at(node.get(b"filepath"))


def _script(node: "BlendFileBlock") -> Iterator[Reference]:
    # Only a job that trusts the scene's scripts runs it.
    if node.get(b"mode") == _NODE_EXTERNAL:
        yield from _at(node.get(b"filepath"), required=False)


def _at(path: bytes, spread: Spread = "file", *, required: bool = True, written: bool = False) -> Iterator[Reference]:
    # A folder's path may end as one.
    text = path.decode("utf-8", errors="replace").rstrip("/\\")
    if text or written:
        # Where no folder is named, Blender finds one to write to.
        yield Reference(path=text or "//", spread=spread, required=required, written=written)


def _elements(block: "BlendFileBlock") -> Iterator["BlendFileBlock"]:
    """Yield the structs of a block, of which there may be several in a row: as many as it has room for."""
    size = block.dna_type.size
    for number in range(min(block.count, block.size // size) if size else 0):
        one = copy.copy(block)
        one.size, one.file_offset = size, block.file_offset + number * size
        yield one


def _target(bake: "BlendFileBlock", inherited: int) -> int:
    own: int = bake.get(b"bake_target", default=_INHERITED)
    return inherited if own == _INHERITED else own
