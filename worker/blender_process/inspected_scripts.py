"""Finds the Python in the open file that can change its pictures, as `frameloom.services.scene.scripts` does."""

from collections.abc import Iterator
from typing import Any

import bpy

from frameloom.services.scene.driver_expressions import needs_trust
from frameloom.services.scene.scripts import MAX_SCRIPTS

# Blender's identifiers of kinds of data-blocks that differ from the names in its interface.
_KINDS = {"NODETREE": "node group", "KEY": "shape keys", "META": "metaball", "LIGHT_PROBE": "light probe"}


def find_scripts() -> tuple[str, ...]:
    """Return descriptions of the code that needs trust: drivers, texts that run on opening, Freestyle styles."""
    found = dict.fromkeys([*_texts(), *_styles(), *_drivers()])
    return tuple(found)[:MAX_SCRIPTS]


def node_trees() -> Iterator[tuple[Any, Any]]:
    """Yield all node trees in the file, each with its data-block, which is the tree itself for a node group."""
    for owner in _data_blocks():
        if isinstance(owner, bpy.types.NodeTree):
            yield owner, owner
        elif (tree := getattr(owner, "node_tree", None)) is not None:
            yield owner, tree


def _data_blocks() -> Iterator[Any]:
    for member in bpy.data.bl_rna.properties:
        if member.type == "COLLECTION":
            yield from getattr(bpy.data, member.identifier)


def _texts() -> Iterator[str]:
    for text in bpy.data.texts:
        if text.library is None and text.use_module:
            yield f"text {text.name!r}, which runs when the file opens"


def _styles() -> Iterator[str]:
    scenes = [scene for scene in bpy.data.scenes if scene.library is None]
    if not any(scene.render.use_freestyle for scene in scenes):
        return
    for scene in scenes:
        for layer in scene.view_layers:
            settings = layer.freestyle_settings
            for module in settings.modules if settings.mode == "SCRIPT" else ():
                if module.use and module.script is not None:
                    yield f"Freestyle style {module.script.name!r}"


def _drivers() -> Iterator[str]:
    trees = dict(node_trees())
    for owner in _data_blocks():
        if owner.library is not None:
            continue
        embedded = trees.get(owner) if not isinstance(owner, bpy.types.NodeTree) else None
        for animated in (owner, *([] if embedded is None else [embedded])):
            data = getattr(animated, "animation_data", None)
            for curve in data.drivers if data is not None else ():
                yield from _driver(owner, curve)


def _driver(owner: Any, curve: Any) -> Iterator[str]:
    driver = curve.driver
    if driver.type != "SCRIPTED" or curve.mute:
        return
    if needs_trust(driver.expression, {one.name for one in driver.variables}, uses_self=driver.use_self):
        kind = _KINDS.get(owner.id_type, owner.id_type.lower().replace("_", " "))
        path = repr(curve.data_path)[1:-1]
        yield f"driver of {kind} {owner.name!r}, {path}[{curve.array_index}]: {driver.expression!r}"
