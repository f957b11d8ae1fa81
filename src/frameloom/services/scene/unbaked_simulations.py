"""The simulations without a bake in a .blend file, read from its condensed copy.

All objects in the file count, even if the rendered scene does not use them: that depends on collections, instances and
drivers. A modifier that is switched off for renders does not count.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from frameloom.model.simulations import Simulation
from frameloom.services.scene.block_text import name_of

if TYPE_CHECKING:
    from blender_asset_tracer.blendfile import BlendFile, BlendFileBlock

# PTCACHE_BAKED of DNA_object_force_types.h.
_BAKED = 1
# eModifierMode_Render of DNA_modifier_types.h.
_RENDERED = 1 << 1
# PART_EMITTER and PART_HAIR, PART_PHYS_NO and PART_PHYS_KEYED, PSYS_HAIR_DYNAMICS of DNA_particle_types.h. Blender
# computes the positions of particles without physics, and of keyed ones, from the frame alone.
_EMITTER, _HAIR = 0, 2
_TIMELESS = frozenset({0, 2})
_HAIR_DYNAMICS = 1 << 2
# MOD_DPAINT_ACTIVE of DNA_dynamicpaint_types.h.
_ACTIVE = 1
# FLUID_DOMAIN_BAKED_DATA of DNA_fluid_types.h.
_BAKED_FLUID = 1 << 1
# The most simulations; a scene may have thousands of hair systems.
_MAX = 1000


def find_simulations(blend: "BlendFile") -> tuple[Simulation, ...]:
    """Return the unbaked simulations of a file, in its order."""
    found: dict[Simulation, None] = {}
    for owner, blocks in _owned(blend):
        for simulation in _Owner(blend, owner, blocks).simulations():
            found[simulation] = None
            if len(found) == _MAX:
                return tuple(found)
    return tuple(found)


def _owned(blend: "BlendFile") -> Iterator[tuple["BlendFileBlock", dict[bytes, list["BlendFileBlock"]]]]:
    """Yield each data-block with the structs that the file stores after it, by the structs' names."""
    owner: BlendFileBlock | None = None
    blocks: dict[bytes, list[BlendFileBlock]] = {}
    for block in blend.blocks:
        if block.code == b"DATA":
            blocks.setdefault(block.dna_type.dna_type_id, []).append(block)
            continue
        if owner is not None and blocks:
            yield owner, blocks
        owner, blocks = block, {}
    if owner is not None and blocks:
        yield owner, blocks


class _Owner:
    """A data-block and the structs that belong to it."""

    def __init__(
        self, blend: "BlendFile", owner: "BlendFileBlock", blocks: dict[bytes, list["BlendFileBlock"]]
    ) -> None:
        self._blend, self._owner, self._blocks = blend, owner, blocks

    def simulations(self) -> Iterator[Simulation]:
        name = name_of(self._owner) if self._owner.has_field(b"id") else ""
        if self._owner.code == b"OB":
            yield from self._object(name)
        elif self._owner.code == b"SC" and any(not self._baked(world) for world in self._each(b"RigidBodyWorld")):
            yield Simulation(kind="rigid bodies", owner=name)
        elif self._owner.code == b"NT" and self._each(b"NodeGeometrySimulationOutput") and not self._has_bakes():
            yield Simulation(kind="simulation nodes", owner=name)

    def _object(self, name: str) -> Iterator[Simulation]:
        if self._each(b"PartEff"):
            # Particles of Blender before 2.46, which later ones convert.
            yield Simulation(kind="particles", owner=name)
        yield from self._particles(name)
        of_hair = {system.get(b"clmd", default=0) for system in self._each(b"ParticleSystem")}
        for cloth in self._modifiers(b"ClothModifierData"):
            if cloth.addr_old not in of_hair and not self._baked(cloth, b"point_cache"):
                yield Simulation(kind="cloth", owner=name)
        if self._modifiers(b"SoftbodyModifierData") and any(not self._baked(one) for one in self._each(b"SoftBody")):
            yield Simulation(kind="soft body", owner=name)
        if self._modifiers(b"DynamicPaintModifierData") and any(
            surface.get(b"flags", default=_ACTIVE) & _ACTIVE and not self._baked(surface)
            for surface in self._each(b"DynamicPaintSurface")
        ):
            yield Simulation(kind="dynamic paint", owner=name)
        if self._modifiers(b"FluidModifierData") and any(
            not domain.get(b"cache_flag", default=0) & _BAKED_FLUID for domain in self._each(b"FluidDomainSettings")
        ):
            yield Simulation(kind="fluid", owner=name)

    def _particles(self, name: str) -> Iterator[Simulation]:
        rendered = {modifier.get(b"psys", default=0) for modifier in self._modifiers(b"ParticleSystemModifierData")}
        for system in self._each(b"ParticleSystem"):
            settings = self._blend.block_from_addr.get(system.get(b"part", default=0))
            if system.addr_old not in rendered or settings is None or self._baked(system):
                continue
            kind, physics = settings.get(b"type", default=_EMITTER), settings.get(b"phystype", default=1)
            if kind == _EMITTER and physics not in _TIMELESS:
                yield Simulation(kind="particles", owner=name)
            elif kind == _HAIR and system.get(b"flag", default=0) & _HAIR_DYNAMICS:
                yield Simulation(kind="hair", owner=name)

    def _each(self, struct: bytes) -> list["BlendFileBlock"]:
        return self._blocks.get(struct, [])

    def _modifiers(self, struct: bytes) -> list["BlendFileBlock"]:
        """Return the modifiers of this kind that are on for renders."""
        return [one for one in self._each(struct) if one.get((b"modifier", b"mode"), default=_RENDERED) & _RENDERED]

    def _baked(self, block: "BlendFileBlock", field: bytes = b"pointcache") -> bool:
        cache = self._blend.block_from_addr.get(block.get(field, default=0))
        return cache is not None and bool(cache.get(b"flag", default=0) & _BAKED)

    def _has_bakes(self) -> bool:
        """Return whether a modifier of the file has a bake; a file does not record of which zone, nor whether on disk.

        The folder on disk gets a name when a zone is baked for the first time.
        """
        blocks = self._blend.find_blocks_from_code(b"DATA")
        return any(
            block.get(field, default=0)
            for struct, field in (
                (b"NodesModifierData", b"simulation_bake_directory"),
                (b"NodesModifierBake", b"packed"),
            )
            for block in blocks
            if block.dna_type.dna_type_id == struct
        )
