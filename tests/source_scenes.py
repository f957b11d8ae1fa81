"""The Blender side of tests/integration/test_picture_sources.py: saves scenes, renders each, and prints the verdicts.

Each function of CASES builds a scene of which Blender renders a picture or not. Run as `python -m tests.source_scenes
FOLDER`. The last line of its output is JSON: for each case, whether Blender wrote a picture, and whether the rule of
`frameloom.model.sources` expects one from the facts that the worker finds in the open file.
"""

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from frameloom.model.errors import InvalidRequest, NoCamera
from frameloom.model.scene import check_sources
from worker.blender_process.find_sources import find_sources

# Since Blender 5.0 the compositor is a node group.
_GROUPS = bpy.app.version >= (5, 0, 0)
CASES: dict[str, Callable[[Any], object]] = {}


def case(build: Callable[[Any], object]) -> Callable[[Any], object]:
    CASES[build.__name__] = build
    return build


def other(name: str = "other") -> Any:
    return _set_up(bpy.data.scenes.new(name))


def camera(scene: Any, name: str = "Cam") -> Any:
    thing = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    scene.collection.objects.link(thing)
    return thing


def bind(scene: Any, where: Any, frame: int = 1) -> Any:
    """Bind a camera of the scene `where` to a marker, and leave `scene` without an active camera."""
    bound = scene.timeline_markers.new("marker", frame=frame).camera = camera(where)
    scene.camera = None
    return bound


def colour(scene: Any) -> Any:
    end = {"length": 10} if _GROUPS else {"frame_end": 10}
    strips = scene.sequence_editor_create().strips
    return strips.new_effect(name="colour", type="COLOR", channel=1, frame_start=1, **end)


def strip(scene: Any, shown: Any) -> Any:
    return scene.sequence_editor_create().strips.new_scene("shown", shown, 2, 1)


def compositor(scene: Any, source: str = "CompositorNodeRGB") -> tuple[Any, Any, Any]:
    """Return a new node tree for a scene, its output, and the node that is linked to it."""
    if _GROUPS:
        tree = scene.compositing_node_group = bpy.data.node_groups.new("Compositor", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        output = tree.nodes.new("NodeGroupOutput")
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        output = tree.nodes.new("CompositorNodeComposite")
    node = tree.nodes.new(source)
    tree.links.new(node.outputs[0], output.inputs[0])
    return tree, output, node


def layers(scene: Any, shown: Any = None) -> Any:
    node = compositor(scene, "CompositorNodeRLayers")[2]
    if shown is not None:
        node.scene = shown
    return node


@case
def no_camera(s: Any) -> None:
    del s


@case
def active_camera(s: Any) -> None:
    s.camera = camera(s)


@case
def camera_that_is_not_active(s: Any) -> None:
    camera(s)


@case
def active_camera_in_another_scene(s: Any) -> None:
    s.camera = camera(other())


@case
def marker_at_the_frame(s: Any) -> None:
    bind(s, other())


@case
def marker_after_the_frame(s: Any) -> None:
    bind(s, other(), frame=50)


@case
def marker_with_a_hidden_camera(s: Any) -> None:
    bind(s, other()).hide_render = True
    s.camera = None


@case
def strip_of_a_colour(s: Any) -> None:
    colour(s)


@case
def muted_strip(s: Any) -> None:
    colour(s).mute = True


@case
def strip_with_the_sequencer_off(s: Any) -> None:
    colour(s)
    s.render.use_sequencer = False


@case
def strip_in_a_muted_channel(s: Any) -> None:
    colour(s)
    s.sequence_editor.channels[1].mute = True


@case
def empty_meta_strip(s: Any) -> None:
    s.sequence_editor_create().strips.new_meta("meta", 1, 1)


@case
def strip_of_a_scene_without_a_camera(s: Any) -> None:
    strip(s, other())


@case
def compositor_without_layers(s: Any) -> None:
    compositor(s)


@case
def compositor_that_is_off(s: Any) -> None:
    compositor(s)
    s.render.use_compositing = False


@case
def compositor_without_an_output(s: Any) -> None:
    s.camera = camera(s)
    tree, output, _ = compositor(s)
    tree.nodes.remove(output)


@case
def strip_and_compositor_without_an_output(s: Any) -> None:
    colour(s)
    tree, output, _ = compositor(s)
    tree.nodes.remove(output)


@case
def compositor_with_a_muted_output(s: Any) -> None:
    compositor(s)[1].mute = True


@case
def output_in_a_group(s: Any) -> None:
    tree, output, _ = compositor(s)
    tree.nodes.remove(output)
    group = tree.nodes.new("CompositorNodeGroup")
    group.node_tree = bpy.data.node_groups.new("Group", "CompositorNodeTree")
    group.node_tree.nodes.new("NodeGroupOutput" if _GROUPS else "CompositorNodeComposite")


@case
def output_in_a_muted_group(s: Any) -> None:
    output_in_a_group(s)
    tree = s.compositing_node_group if _GROUPS else s.node_tree
    next(node for node in tree.nodes if node.bl_idname == "CompositorNodeGroup").mute = True


@case
def compositor_and_no_view_layer(s: Any) -> None:
    compositor(s)
    s.view_layers[0].use = False


@case
def render_layers(s: Any) -> None:
    layers(s)


@case
def render_layers_with_a_camera(s: Any) -> None:
    layers(s)
    s.camera = camera(s)


@case
def render_layers_that_are_muted(s: Any) -> None:
    layers(s).mute = True


@case
def render_layers_that_nothing_uses(s: Any) -> None:
    compositor(s)[0].nodes.new("CompositorNodeRLayers")


@case
def render_layers_of_a_scene_without_a_camera(s: Any) -> None:
    layers(s, other())
    s.camera = camera(s)


@case
def render_layers_of_a_scene_with_a_camera(s: Any) -> None:
    shown = other()
    shown.camera = camera(shown)
    layers(s, shown)


@case
def render_layers_of_a_scene_with_a_marker(s: Any) -> None:
    shown = other()
    bind(shown, s)
    layers(s, shown)
    s.camera = None


def main(folder: Path) -> None:
    """Print the verdicts on all cases, and save them to `folder`."""
    verdicts = {}
    for name, build in CASES.items():
        bpy.ops.wm.read_factory_settings(use_empty=True)
        build(_set_up(bpy.context.scene))
        path = folder / f"{name}.blend"
        bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=False)
        bpy.ops.wm.open_mainfile(filepath=str(path))
        verdicts[name] = _renders(folder / f"{name}.png"), _is_expected()
    print(json.dumps(verdicts))


def _renders(picture: Path) -> bool:
    bpy.context.scene.render.filepath = str(picture)
    with contextlib.suppress(RuntimeError):
        bpy.ops.render.render(write_still=True)
    return picture.exists()


def _is_expected() -> bool:
    try:
        check_sources(
            bpy.context.scene.name_full,
            {scene.name_full: find_sources(scene) for scene in bpy.data.scenes},
            file="shot.blend",
        )
    except (InvalidRequest, NoCamera):
        return False
    return True


def _set_up(scene: Any) -> Any:
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.render.resolution_x = scene.render.resolution_y = 4
    scene.frame_start = scene.frame_end = 1
    return scene


if __name__ == "__main__":
    main(Path(sys.argv[1]))
