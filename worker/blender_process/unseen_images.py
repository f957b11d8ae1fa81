"""Finds images of an open scene that no frame shows: those of unused data, and those for the artist's view.

`services/scene/unseen_files.py` finds the same in the file, and is stricter where it cannot decide.
"""

from collections.abc import Iterable, Mapping

import bpy

# Nodes that only hand their image to other nodes. Workbench shows the texture of a selected node without links.
_NODES = frozenset({"ShaderNodeTexImage", "ShaderNodeTexEnvironment"})


def unseen_images(images: Iterable[bpy.types.Image]) -> list[bpy.types.Image]:
    """Return those of the images that no frame of any scene in the file shows."""
    wanted = list(images)
    if not wanted:
        return []
    users: Mapping[bpy.types.ID, set[bpy.types.ID]] = bpy.data.user_map()
    workbench = any(scene.render.engine == "BLENDER_WORKBENCH" for scene in bpy.data.scenes)
    return [image for image in wanted if not _is_seen(image, users, workbench=workbench)]


def _is_seen(image: bpy.types.Image, users: Mapping[bpy.types.ID, set[bpy.types.ID]], *, workbench: bool) -> bool:
    pending = [user for user in users.get(image, ()) if not _is_idle(user, image, workbench=workbench)]
    seen = set(pending)
    while pending:
        one = pending.pop()
        if isinstance(one, bpy.types.Scene):
            return True
        new = users.get(one, set()) - seen
        seen |= new
        pending += new
    return False


def _is_idle(user: bpy.types.ID, image: bpy.types.Image, *, workbench: bool) -> bool:
    """Return whether a data-block uses an image only for its artist, or in nodes that lead nowhere."""
    if isinstance(user, bpy.types.Camera):
        return True
    if isinstance(user, bpy.types.Object):
        return bool(user.type == "EMPTY")
    if workbench or getattr(user, "grease_pencil", None) is not None or isinstance(user, bpy.types.Scene):
        return False
    tree = user if isinstance(user, bpy.types.NodeTree) else getattr(user, "node_tree", None)
    if tree is None:
        return False
    nodes = [node for node in tree.nodes if getattr(node, "image", None) == image]
    return bool(nodes) and all(node.bl_idname in _NODES and not _has_links(node) for node in nodes)


def _has_links(node: bpy.types.Node) -> bool:
    return any(socket.is_linked for socket in (*node.inputs, *node.outputs))
