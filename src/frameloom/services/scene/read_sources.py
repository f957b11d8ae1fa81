"""Reads the sources of a scene's picture from a .blend file: its strips, its compositor, and its cameras."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from frameloom.model.sources import Sources
from frameloom.services.scene.block_text import decode, name_of

if TYPE_CHECKING:
    from blender_asset_tracer.blendfile import BlendFileBlock

# Of DNA_scene_types.h: R_DOSEQ, render the sequencer's strips; R_DOCOMP, run the compositor.
_SEQUENCER, _COMPOSITING = 1, 1 << 6
# Of DNA_sequence_types.h: SEQ_TYPE_SCENE, SEQ_TYPE_SOUND_RAM, SEQ_MUTE, SEQ_SCENE_STRIPS, SEQ_CHANNEL_MUTE.
_SCENE, _SOUND, _MUTE, _SHOWS_STRIPS, _CHANNEL_MUTE = 2, 4, 1 << 5, 1 << 30, 1 << 1
# Of BKE_node_legacy_types.hh and DNA_node_types.h: NODE_GROUP, NODE_GROUP_OUTPUT, CMP_NODE_R_LAYERS,
# CMP_NODE_COMPOSITE, CMP_NODE_OUTPUT_FILE, NODE_MUTED; CMP_NODE_CRYPTOMATTE, which reads a render if custom1 is 0.
_GROUP, _GROUP_OUTPUT, _LAYERS, _COMPOSITE, _FILE_OUTPUT, _NODE_MUTED = 2, 8, 221, 222, 223, 1 << 9
_CRYPTOMATTE = 326
# OB_HIDE_RENDER of DNA_object_types.h.
_HIDDEN = 1 << 2
# Node groups in node groups; a damaged file may hold a cycle.
_MAX_DEPTH = 16


def read_sources(scene: "BlendFileBlock") -> Sources:
    """Return the sources of the picture of a scene's block."""
    strips = list(_visible_strips(scene))
    tree = _compositor(scene)
    return Sources(
        has_camera=_target(scene, b"camera") is not None or any(_marked_cameras(scene)),
        strips=bool(strips),
        strip_scenes=_once(_shown(strip) for strip in strips),
        layers=None if tree is None else _once(_layers(scene, tree)),
        has_output=tree is None or _has_output(tree, own=True),
        file_outputs=() if tree is None else _once(_file_outputs(tree)),
        sounds=_has_sound(scene),
    )


def chain(block: "BlendFileBlock", *path: bytes) -> Iterator["BlendFileBlock"]:
    """Yield the blocks of a linked list that starts at a field; a damaged list may be a cycle."""
    blocks, seen = block.bfile.block_from_addr, set()
    address = block.get((*path, b"first"), default=0)
    while address not in seen and (item := blocks.get(address)) is not None:
        yield item
        seen.add(address)
        address = item.get(b"next")


def _visible_strips(scene: "BlendFileBlock") -> Iterator["BlendFileBlock"]:
    """Yield the strips that the scene renders, without those inside meta strips."""
    editing = _target(scene, b"ed")
    if editing is None or not scene.get((b"r", b"scemode")) & _SEQUENCER:
        return
    muted = set()
    if editing.has_field(b"channels"):
        muted = {one.get(b"index") for one in chain(editing, b"channels") if one.get(b"flag") & _CHANNEL_MUTE}
    for strip in chain(editing, b"seqbase"):
        if strip.get(b"type") != _SOUND and not strip.get(b"flag") & _MUTE and strip.get(b"machine") not in muted:
            yield strip


def _shown(strip: "BlendFileBlock") -> str | None:
    """Return the scene that a strip shows through the scene's own camera."""
    if strip.get(b"type") != _SCENE or strip.get(b"flag") & _SHOWS_STRIPS or _target(strip, b"scene_camera"):
        return None
    shown = _target(strip, b"scene")
    return None if shown is None or shown.code != b"SC" else name_of(shown)


def _compositor(scene: "BlendFileBlock") -> "BlendFileBlock | None":
    """Return the node tree of the scene's compositor, a placeholder if it is in another file, None if it is off."""
    if not scene.get((b"r", b"scemode")) & _COMPOSITING:
        return None
    if scene.has_field(b"compositing_node_group"):
        return _target(scene, b"compositing_node_group")
    return _target(scene, b"nodetree") if scene.get(b"use_nodes", default=0) else None


def _layers(scene: "BlendFileBlock", tree: "BlendFileBlock") -> Iterator[str | None]:
    # A placeholder has no nodes: only Blender knows them.
    for node in chain(tree, b"nodes"):
        if node.get(b"flag") & _NODE_MUTED:
            continue
        kind, read = node.get(b"type"), _target(node, b"id")
        if kind == _LAYERS:
            read = read or scene
        elif kind != _CRYPTOMATTE or node.get(b"custom1") != 0:
            continue
        yield name_of(read) if read is not None and read.code == b"SC" else None


def _has_output(tree: "BlendFileBlock", *, own: bool, depth: int = 0) -> bool:
    """Return whether a tree has an output for the picture: since 5.0 that of the group, before also within groups.

    Args:
        own: whether this is the scene's tree and not a group in it.
    """
    if tree.code == b"ID":
        return True
    for node in chain(tree, b"nodes"):
        kind = node.get(b"type")
        if kind == _GROUP_OUTPUT and own:
            return True
        if node.get(b"flag") & _NODE_MUTED:
            continue
        if kind == _COMPOSITE:
            return True
        group = _target(node, b"id") if kind == _GROUP and depth < _MAX_DEPTH else None
        if group is not None and _has_output(group, own=False, depth=depth + 1):
            return True
    return False


def _file_outputs(tree: "BlendFileBlock", *, depth: int = 0) -> Iterator[str]:
    """Yield the names of the File Output nodes of a tree and of its groups."""
    for node in () if tree.code == b"ID" else chain(tree, b"nodes"):
        if node.get(b"flag") & _NODE_MUTED:
            continue
        if node.get(b"type") == _FILE_OUTPUT:
            yield decode(node.get(b"name"))
        group = _target(node, b"id") if node.get(b"type") == _GROUP and depth < _MAX_DEPTH else None
        if group is not None:
            yield from _file_outputs(group, depth=depth + 1)


def _has_sound(scene: "BlendFileBlock") -> bool:
    editing = _target(scene, b"ed")
    pending, depth = [] if editing is None else list(chain(editing, b"seqbase")), 0
    while pending and depth < _MAX_DEPTH:
        if any(strip.get(b"type") == _SOUND and not strip.get(b"flag") & _MUTE for strip in pending):
            return True
        pending, depth = [inner for strip in pending for inner in chain(strip, b"seqbase")], depth + 1
    return False


def find_marker_cameras(scene: "BlendFileBlock") -> tuple[str, ...]:
    """Return the names of the cameras that markers of a scene's block bind, each once."""
    return _once(None if camera is None else name_of(camera) for camera in _bound_cameras(scene))


def _marked_cameras(scene: "BlendFileBlock") -> Iterator[bool]:
    """Yield for each camera that a marker binds whether it is rendered."""
    for camera in _bound_cameras(scene):
        # A camera in another file is known to Blender alone.
        yield camera is None or camera.code == b"ID" or not _hidden(camera)


def _bound_cameras(scene: "BlendFileBlock") -> Iterator["BlendFileBlock | None"]:
    for marker in chain(scene, b"markers"):
        if marker.has_field(b"camera") and marker.get(b"camera"):
            yield _target(marker, b"camera")


def _hidden(camera: "BlendFileBlock") -> bool:
    # The field's name before 2.91.
    field = b"visibility_flag" if camera.has_field(b"visibility_flag") else b"restrictflag"
    return bool(camera.get(field, default=0) & _HIDDEN)


def _target(block: "BlendFileBlock", field: bytes) -> "BlendFileBlock | None":
    found: BlendFileBlock | None = block.bfile.block_from_addr.get(block.get(field, default=0))
    return found


def _once(names: Iterator[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name is not None))
