"""Finds the sources of a scene's picture in the open file: its strips, its compositor and its cameras."""

from collections.abc import Iterable, Iterator

import bpy

from frameloom.model.sources import Sources

_LAYERS, _CRYPTOMATTE = "CompositorNodeRLayers", "CompositorNodeCryptomatteV2"


def find_sources(scene: bpy.types.Scene) -> Sources:
    """Return the sources of a scene's picture; the scenes in it have their full names."""
    tree, strips = _compositor(scene), _visible_strips(scene)
    markers = (marker.camera for marker in scene.timeline_markers)
    return Sources(
        has_camera=scene.camera is not None or any(camera and not camera.hide_render for camera in markers),
        strips=bool(strips),
        strip_scenes=_names(
            strip.scene
            for strip in strips
            if strip.type == "SCENE" and strip.scene_input == "CAMERA" and strip.scene_camera is None
        ),
        layers=None if tree is None else _names(_layers(scene, tree)),
        has_output=tree is None or _has_output(tree),
        file_outputs=() if tree is None else tuple(dict.fromkeys(_file_outputs(tree))),
        sounds=_has_sound(scene),
    )


def _visible_strips(scene: bpy.types.Scene) -> list[bpy.types.Strip]:
    """Return the strips that the scene renders, without those inside meta strips."""
    editor = scene.sequence_editor if scene.render.use_sequencer else None
    if editor is None:
        return []
    muted = {number for number, channel in enumerate(editor.channels) if channel.mute}
    return [one for one in editor.strips if one.type != "SOUND" and not one.mute and one.channel not in muted]


def _layers(scene: bpy.types.Scene, tree: bpy.types.NodeTree) -> Iterator[bpy.types.Scene | None]:
    """Yield the scenes whose renders the nodes read."""
    for node in tree.nodes:
        if node.bl_idname == _LAYERS and not node.mute:
            yield node.scene or scene
        elif node.bl_idname == _CRYPTOMATTE and not node.mute and node.source == "RENDER":
            yield node.scene


def _has_output(tree: bpy.types.NodeTree) -> bool:
    """Return whether a scene's tree has an output for the picture: since 5.0 its own, before also within groups."""
    if any(node.bl_idname == "NodeGroupOutput" for node in tree.nodes):
        return True
    used = [node for node in tree.nodes if not node.mute]
    if any(node.bl_idname == "CompositorNodeComposite" for node in used):
        return True
    groups = (node.node_tree for node in used if node.bl_idname == "CompositorNodeGroup")
    return bpy.app.version < (5, 0, 0) and any(map(_has_output, filter(None, groups)))


def _file_outputs(tree: bpy.types.NodeTree) -> Iterator[str]:
    """Yield the names of the File Output nodes of a tree and of its groups."""
    for node in tree.nodes:
        if node.bl_idname == "CompositorNodeOutputFile" and not node.mute:
            yield node.name
        elif node.bl_idname == "CompositorNodeGroup" and not node.mute and node.node_tree is not None:
            yield from _file_outputs(node.node_tree)


def _has_sound(scene: bpy.types.Scene) -> bool:
    editor = scene.sequence_editor
    return editor is not None and any(strip.type == "SOUND" and not strip.mute for strip in editor.strips_all)


def _names(scenes: Iterable[bpy.types.Scene | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(scene.name_full for scene in scenes if scene is not None))


def rendered_scenes(scene: bpy.types.Scene) -> list[str]:
    """Return the names of all scenes in a render of `scene`, its own first.

    The others are its background, its strips and the scenes of its compositor nodes, and recursively those of these.
    """
    found, pending = [scene.name], [scene]
    while pending:
        one = pending.pop()
        for other in (one.background_set, *_strip_scenes(one), *_node_scenes(one)):
            if other is not None and other.name not in found:
                found.append(other.name)
                pending.append(other)
    return found


def _strip_scenes(scene: bpy.types.Scene) -> list[bpy.types.Scene]:
    return [strip.scene for strip in _strips(scene) if strip.type == "SCENE"]


def _strips(scene: bpy.types.Scene) -> list[bpy.types.Strip]:
    """Return the strips that a scene may render, those in meta strips too."""
    editor = scene.sequence_editor if scene.render.use_sequencer else None
    return [] if editor is None else list(editor.strips_all)


def _node_scenes(scene: bpy.types.Scene) -> list[bpy.types.Scene]:
    tree = _compositor(scene)
    return [] if tree is None else list(_layers(scene, tree))


def _compositor(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    if not scene.render.use_compositing:
        return None
    if hasattr(scene, "compositing_node_group"):
        return scene.compositing_node_group
    return scene.node_tree if scene.use_nodes else None
