"""Pictures that need no camera of their own, and cameras that live elsewhere."""

from typing import Any

from tests.compatibility.rows import Group, Stage

rows = Group("Camera and picture")


def _colour(tree: Any) -> Any:
    """Return the output of a node whose colour changes with the frame."""
    node = tree.nodes.new("CompositorNodeRGB")
    for frame in (1, 3):
        node.outputs[0].default_value = (frame / 4, 0.5, 0.25, 1.0)
        node.outputs[0].keyframe_insert("default_value", frame=frame)
    return node.outputs[0]


def _other(s: Stage, name: str = "Other") -> Any:
    """Return a new scene with the cube and the light, without a camera."""
    scene = s.data.scenes.new(name)
    for thing in (s.cube, s.light):
        scene.collection.objects.link(thing)
    scene.world = s.world
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    scene.render.resolution_x, scene.render.resolution_y = 32, 18
    return scene


@rows.refused("No camera", "NoCamera", "has no camera")
def _(s: Stage) -> None:
    s.scene.camera = None


@rows.same("Compositor without Render Layers and without a camera")
def _(s: Stage) -> None:
    tree, layers, connect = s.compositor()
    tree.nodes.remove(layers)
    connect(_colour(tree))
    s.scene.camera = None


@rows.refused("Compositor without an output", "InvalidRequest", "has no output")
def _(s: Stage) -> None:
    tree = s.compositor()[0]
    for node in list(tree.nodes):
        if node.bl_idname != "CompositorNodeRLayers":
            tree.nodes.remove(node)


@rows.same("Render Layers of another scene with its own camera")
def _(s: Stage) -> None:
    other, (_, layers, connect) = _other(s), s.compositor()
    other.camera, s.scene.camera = s.camera, None
    layers.scene = other
    connect(layers.outputs["Image"])


@rows.refused("Render Layers of another scene without a camera", "NoCamera", "Scene 'Other'")
def _(s: Stage) -> None:
    other, (_, layers, connect) = _other(s), s.compositor()
    layers.scene = other
    connect(layers.outputs["Image"])


@rows.same("Scene strip of a scene with a camera, in a scene without one")
def _(s: Stage) -> None:
    other = _other(s)
    other.camera, s.scene.camera = s.camera, None
    s.strips().new_scene("Other", other, 1, 1)


@rows.announced("Scene strip of a scene without a camera", "strips", "set the camera of 'Other'", frames=(1, 2))
def _(s: Stage) -> None:
    s.strips().new_scene("Other", _other(s), 1, 1)


@rows.same("Active camera in another scene only")
def _(s: Stage) -> None:
    _other(s).collection.objects.link(s.camera)
    s.scene.collection.objects.unlink(s.camera)


@rows.same("Named camera in another scene", request={"camera": "Far"})
def _(s: Stage) -> None:
    far = s.add("Far", s.data.cameras.new("Far"), scene=_other(s))
    far.location, far.rotation_euler = (0.0, -9.0, 0.0), (1.5707964, 0.0, 0.0)


@rows.same("Cameras bound to markers, frames before the first marker")
def _(s: Stage) -> None:
    far = s.add("Far", s.data.cameras.new("Far"))
    far.location, far.rotation_euler = (0.0, -9.0, 0.0), (1.5707964, 0.0, 0.0)
    for frame, camera in ((2, far), (3, s.camera)):
        s.scene.timeline_markers.new(camera.name, frame=frame).camera = camera
    s.scene.camera = None


def _library(s: Stage) -> None:
    """Write `//cameras.blend` with a collection that holds the camera Far, and remove both from the scene."""
    shelf = s.data.collections.new("Shelf")
    far = s.data.objects.new("Far", s.data.cameras.new("Far"))
    far.location, far.rotation_euler = (0.0, -9.0, 0.0), (1.5707964, 0.0, 0.0)
    shelf.objects.link(far)
    s.data.libraries.write(str(s.folder / "cameras.blend"), {shelf})
    s.data.collections.remove(shelf)
    s.data.objects.remove(far)


@rows.same("Active camera linked from a library")
def _(s: Stage) -> None:
    _library(s)
    s.scene.camera = s.link("cameras.blend", "objects", "Far")[0]
    # Blender does not save a linked camera that no collection holds.
    s.scene.collection.objects.link(s.scene.camera)


@rows.same("Named camera in a linked collection", request={"camera": "Far"})
def _(s: Stage) -> None:
    _library(s)
    s.scene.collection.children.link(s.link("cameras.blend", "collections", "Shelf")[0])
