"""The Python in a .blend file that can change its pictures, read from the file's condensed copy.

If scripts may not run, Blender skips the code, evaluates drivers to 0, and continues to render.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING

from frameloom.services.scene.block_text import decode, name_of, typed_name
from frameloom.services.scene.driver_expressions import needs_trust

if TYPE_CHECKING:
    from blender_asset_tracer.blendfile import BlendFile, BlendFileBlock

# The most descriptions; a rig may have thousands of drivers.
MAX_SCRIPTS = 1000
# Of DNA_anim_types.h: DRIVER_TYPE_PYTHON, DRIVER_FLAG_USE_SELF, FCURVE_MUTED.
_PYTHON, _USE_SELF, _MUTED = 1, 1 << 5, 1 << 4
# TXT_ISSCRIPT of DNA_text_types.h: the text runs when the file opens.
_REGISTERED = 1 << 4
# R_EDGE_FRS of DNA_scene_types.h; FREESTYLE_CONTROL_SCRIPT_MODE of
# DNA_freestyle_types.h.
_FREESTYLE, _SCRIPT_MODE = 1 << 25, 1
# Blender's names for kinds of data-blocks, keyed by the two-letter prefix of the data-block's name.
_KINDS = {
    "AR": "armature", "CA": "camera", "CU": "curve", "CV": "hair curves", "GD": "grease pencil",
    "GP": "grease pencil", "GR": "collection", "IM": "image", "KE": "shape keys", "LA": "light", "LP": "light probe",
    "LS": "line style", "LT": "lattice", "MA": "material", "MB": "metaball", "MC": "movie clip", "ME": "mesh",
    "MS": "mask", "NT": "node group", "OB": "object", "PA": "particles", "PT": "point cloud", "SC": "scene",
    "SK": "speaker", "TE": "texture", "VO": "volume", "WO": "world",
}  # fmt: skip


@dataclass(slots=True)
class _Driver:
    owner: "BlendFileBlock | None"
    driver: "BlendFileBlock"
    variables: set[str] = field(default_factory=set)


def find_scripts(blend: "BlendFile") -> tuple[str, ...]:
    """Return descriptions of the code that needs trust: drivers, texts that run on opening, Freestyle styles."""
    found = chain(_texts(blend), _styles(blend), _drivers(blend))
    return tuple(islice(dict.fromkeys(found), MAX_SCRIPTS))


def _texts(blend: "BlendFile") -> Iterator[str]:
    for text in blend.find_blocks_from_code(b"TX"):
        if text.get(b"flags") & _REGISTERED:
            yield f"text {name_of(text)!r}, which runs when the file opens"


def _styles(blend: "BlendFile") -> Iterator[str]:
    if not any(scene.get((b"r", b"mode")) & _FREESTYLE for scene in blend.find_blocks_from_code(b"SC")):
        return
    # Each style follows the view layer that uses it.
    by_script = False
    for block in blend.find_blocks_from_code(b"DATA"):
        struct = block.dna_type.dna_type_id
        if struct in (b"ViewLayer", b"SceneRenderLayer"):
            by_script = block.get((b"freestyle_config", b"mode"), default=0) == _SCRIPT_MODE
        elif struct == b"FreestyleModuleConfig" and by_script and block.get(b"is_displayed"):
            text = blend.block_from_addr.get(block.get(b"script"))
            if text is not None:
                yield f"Freestyle style {name_of(text)!r}"


def _drivers(blend: "BlendFile") -> Iterator[str]:
    curves = {}
    for block in blend.find_blocks_from_code(b"DATA"):
        if block.dna_type.dna_type_id == b"FCurve" and block.get(b"driver"):
            curves[block.get(b"driver")] = block
    for one in _found(blend):
        driver, curve = one.driver, curves.get(one.driver.addr_old)
        if driver.get(b"type") != _PYTHON or (curve is not None and curve.get(b"flag") & _MUTED):
            continue
        expression = decode(driver.get(b"expression"))
        if needs_trust(expression, one.variables, uses_self=bool(driver.get(b"flag") & _USE_SELF)):
            yield f"driver of {_location(blend, one.owner, curve)}: {expression!r}"


def _found(blend: "BlendFile") -> list[_Driver]:
    """Return all drivers. The file stores each after its data-block, and its variables after it."""
    owner: BlendFileBlock | None = None
    found: list[_Driver] = []
    for block in blend.blocks:
        struct = block.dna_type.dna_type_id
        if block.code != b"DATA":
            owner = block
        elif struct == b"ChannelDriver":
            found.append(_Driver(owner, block))
        elif struct == b"DriverVar" and found:
            found[-1].variables.add(decode(block.get(b"name")))
    return found


def _location(blend: "BlendFile", owner: "BlendFileBlock | None", curve: "BlendFileBlock | None") -> str:
    kind, name = ("data-block", "?") if owner is None or not owner.has_field(b"id") else typed_name(owner)
    described = f"{_KINDS.get(kind, kind)} {name!r}"
    path = None if curve is None else blend.block_from_addr.get(curve.get(b"rna_path"))
    if curve is None or path is None:
        return described
    escaped = repr(decode(path.as_bytes_string()))[1:-1]
    return f"{described}, {escaped}[{curve.get(b'array_index')}]"
