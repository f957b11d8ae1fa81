"""The worker's frames equal those of one plain animation, for random files and chunks.

The layer, the scene and the frame that Blender takes from its window rather than from the rendered scene would differ.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from frameloom.model.errors import NoCamera
from frameloom.model.settings import RenderSettings
from tests.scenes import make_scene
from worker.blender import Blender

# Renders as `blender -b FILE -S SCENE -a` does: the command line renders all layers.
PLAIN = """
import json, os, sys
import bpy
file, folder, name, first, last, step = sys.argv[1:]
bpy.ops.wm.open_mainfile(filepath=file)
if name:
    bpy.context.window.scene = bpy.data.scenes[name]
scene = bpy.context.scene
for each in bpy.data.scenes:
    each.render.use_single_layer = False
scene.frame_end, scene.frame_start, scene.frame_step = int(last), int(first), int(step)
scene.render.filepath = os.path.join(folder, "plain-######")
bpy.ops.render.render(animation=True)
os._exit(0)
"""
# Each scene gets a second object and a second camera; each layer leaves one object out, or none.
MAKE = """
for each in spec["scenes"]:
    here = bpy.data.scenes[each["name"]]
    here["tag"] = 0.4 * len(each["name"])
    cube = next(thing for thing in here.collection.objects if thing.type == "MESH")
    twin = cube.copy()
    twin.location.x = 2
    for number, thing in enumerate((cube, twin)):
        group = bpy.data.collections.new(f"{here.name} {number}")
        here.collection.children.link(group)
        group.objects.link(thing)
    here.collection.objects.unlink(cube)
    driver = cube.driver_add("location", 2).driver
    driver.expression, variable = "tag", driver.variables.new()
    variable.name, variable.type = "tag", "CONTEXT_PROP"
    variable.targets[0].context_property, variable.targets[0].data_path = "ACTIVE_SCENE", '["tag"]'
    other = here.camera.copy()
    other.location = (3, -5, 3)
    here.collection.objects.link(other)
    for frame, number in each["markers"]:
        here.timeline_markers.new(f"{frame}", frame=frame).camera = (here.camera, other)[number]
    here.view_layers[0].name = each["layers"][0][0]
    for name, hidden in each["layers"]:
        layer = here.view_layers.get(name) or here.view_layers.new(name)
        for number, child in enumerate(layer.layer_collection.children):
            child.exclude = number == hidden
    here.render.use_single_layer, here.frame_current = each["single"], each["now"]
for each in spec["scenes"]:
    here = bpy.data.scenes[each["name"]]
    if each["mixed"]:
        here.use_nodes = True
        nodes, links = here.node_tree.nodes, here.node_tree.links
        nodes.clear()
        mixed = None
        for name, layer in each["mixed"]:
            node = nodes.new("CompositorNodeRLayers")
            node.scene, node.layer = bpy.data.scenes[name], layer
            if mixed is not None:
                add = nodes.new("CompositorNodeMixRGB")
                links.new(mixed, add.inputs[1])
                links.new(node.outputs["Image"], add.inputs[2])
            mixed = node.outputs["Image"] if mixed is None else add.outputs[0]
        links.new(mixed, nodes.new("CompositorNodeComposite").inputs["Image"])
    if each["strip"]:
        strips = here.sequence_editor_create().strips
        strips.new_scene("strip", scene=bpy.data.scenes[each["strip"]], channel=1, frame_start=3).frame_final_end = 5
window = bpy.context.window
window.scene = bpy.data.scenes[spec["active"]]
window.view_layer = window.scene.view_layers[-1]
"""
LAYERS = "ViewLayer", "RenderLayer", "Fore"
NAMES = "Scene", "Shot 2", "Other one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A scene of a file: its layers with the object that each leaves out, and the scenes that it shows."""

    name: str
    layers: tuple[tuple[str, int], ...] = (("ViewLayer", 2),)
    single: bool = False
    now: int = 1
    markers: tuple[tuple[int, int], ...] = ()
    mixed: tuple[tuple[str, str], ...] = ()
    strip: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A file, the scene that a job names, and how its frames are cut into chunks."""

    scenes: tuple[Part, ...]
    active: str
    named: str | None = None
    frames: range = range(1, 7)
    cuts: tuple[int, ...] = (3,)

    @property
    def chunks(self) -> list[range]:
        """The frames of each chunk."""
        bounds = [0, *sorted({cut for cut in self.cuts if 0 < cut < len(self.frames)}), len(self.frames)]
        return [self.frames[begin:end] for begin, end in pairwise(bounds)]


@st.composite
def parts(draw: st.DrawFn, names: tuple[str, ...]) -> tuple[Part, ...]:
    """Scenes of these names; the first one may show the others, so no scene shows itself."""
    layers = {
        name: draw(
            st.lists(
                st.tuples(st.sampled_from(LAYERS), st.integers(0, 2)), min_size=1, max_size=3, unique_by=lambda _: _[0]
            )
        )
        for name in names
    }
    own = {name: [(name, layer) for layer, _ in layers[name]] for name in names}
    inputs = own | {names[0]: [each for name in names for each in own[name]]}
    return tuple(
        Part(
            name=name,
            layers=tuple(layers[name]),
            single=draw(st.booleans()),
            now=draw(st.integers(1, 9)),
            markers=tuple(draw(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 1)), max_size=3))),
            mixed=tuple(draw(st.lists(st.sampled_from(inputs[name]), max_size=2))) if draw(st.booleans()) else (),
            strip=draw(st.sampled_from([None, None, *names[1:]])) if name == names[0] else None,
        )
        for name in names
    )


@st.composite
def shots(draw: st.DrawFn) -> Shot:
    """Files of up to three scenes, in chunks of every size."""
    names = NAMES[: draw(st.integers(1, 3))]
    first, count, step = draw(st.integers(0, 3)), draw(st.integers(2, 5)), draw(st.integers(1, 3))
    return Shot(
        scenes=draw(parts(names)),
        active=draw(st.sampled_from(names)),
        named=draw(st.sampled_from([None, *names])),
        frames=range(first, first + count * step, step),
        cuts=tuple(draw(st.sets(st.integers(1, count - 1), min_size=1))),
    )


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blender]:
    """A Blender that renders all shots, one after the other."""
    blender = Blender(scratch=tmp_path_factory.mktemp("warm"))
    yield blender
    blender.close()


def made(path: Path, shot: Shot) -> Path:
    """Write a shot's file to `path`."""
    spec = json.dumps({"scenes": [asdict(part) for part in shot.scenes], "active": shot.active})
    names = [part.name for part in shot.scenes]
    return make_scene(path, size=(16, 16), scenes=names, also=f"import json\nspec = json.loads({spec!r})\n{MAKE}")


def plain(file: Path, shot: Shot, folder: Path) -> dict[int, bytes]:
    """Return the pixels of a shot's frames as one animation of Blender's own."""
    frames = shot.frames
    asked = (shot.named or "", str(frames[0]), str(frames[-1]), str(frames.step))
    subprocess.run(
        [sys.executable, "-c", PLAIN, str(file), str(folder), *asked], check=True, timeout=120, capture_output=True
    )
    return {frame: pixels(folder / f"plain-{frame:06d}.png") for frame in frames}


def chunked(file: Path, shot: Shot, blender: Blender, folder: Path) -> dict[int, bytes]:
    """Return the pixels of a shot's frames, chunk by chunk."""
    found = {}
    for chunk in shot.chunks:
        blender.open(file, RenderSettings(scene=shot.named), name=file.name)
        for frame in chunk:
            blender.render(frame, folder / "frame.png", run=chunk)
            found[frame] = pixels(folder / "frame.png")
    return found


def pixels(path: Path) -> bytes:
    return Image.open(path).convert("RGBA").tobytes()


@settings(max_examples=6, phases=[Phase.explicit, Phase.reuse, Phase.generate])
# As every file of the 2.7 era.
@example(shot=Shot(scenes=(Part(name="Scene", layers=(("RenderLayer", 2),), single=True),), active="Scene"))
# The command line's animation renders all layers and shows the first, whatever the window's is.
@example(
    shot=Shot(
        scenes=(Part(name="Scene", layers=(("Fore", 0), ("ViewLayer", 1)), single=True, mixed=(("Shot 2", "Fore"),)),
                Part(name="Shot 2", layers=(("Fore", 1), ("RenderLayer", 0)), single=True, now=5)),
        active="Shot 2", named="Scene",
    )
)  # fmt: skip
@given(shot=shots())
def test_chunks_of_a_random_file_on_a_used_blender_equal_one_plain_animation(
    warm: Blender, tmp_path_factory: pytest.TempPathFactory, shot: Shot
) -> None:
    folder = tmp_path_factory.mktemp("shot")
    file = made(folder / "shot.blend", shot)
    expected, found = plain(file, shot, folder), chunked(file, shot, warm, folder)
    assert [frame for frame in shot.frames if found[frame] != expected[frame]] == []


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of two scenes, saved between two frames of the first."""
    folder = tmp_path_factory.mktemp("two")
    return make_scene(folder / "two.blend", size=(16, 16), scenes=NAMES[:2], also="scene.frame_set(7, subframe=0.5)")


@pytest.mark.parametrize("trusted", [False, True])
def test_frames_below_0_are_those_of_the_scene_that_the_job_names(
    blender: Blender, two: Path, tmp_path: Path, *, trusted: bool
) -> None:
    alone = make_scene(tmp_path / "alone.blend", size=(16, 16), scenes=NAMES[:2], active="Shot 2")
    found = []
    for file, name in ((alone, None), (two, "Shot 2")):
        blender.open(file, RenderSettings(scene=name, trust_scripts=trusted), name="shot")
        for frame in (-2, -1):
            blender.render(frame, tmp_path / "frame.png")
            found.append(pixels(tmp_path / "frame.png"))
    assert found[:2] == found[2:]
    assert found[0] != found[1]


def test_a_linked_scene_is_rendered_if_a_local_scene_has_the_same_name(
    blender: Blender, two: Path, tmp_path: Path
) -> None:
    link = f"""
with bpy.data.libraries.load({str(two)!r}, link=True) as (_, wanted):
    wanted.scenes = ["Scene"]
scene.collection.objects.unlink(bpy.data.objects["Cube"])
bpy.context.window.scene = next(scene for scene in bpy.data.scenes if scene.library)
bpy.data.libraries[0].filepath = "//two.blend"
"""
    linking = make_scene(two.parent / "linking.blend", size=(16, 16), also=link)
    found = []
    for file in (two, linking):
        blender.open(file, RenderSettings(), name="shot")
        blender.render(3, tmp_path / "frame.png")
        found.append(pixels(tmp_path / "frame.png"))
    assert found[0] == found[1]


def test_a_file_is_rendered_as_if_no_other_file_came_before(blender: Blender, tmp_path: Path) -> None:
    """Blender keeps the camera of a scene strip, by the scene's name, and would look through it in the next file."""
    other = Part(name="Shot 2", layers=(("Fore", 2),))
    strip = Shot(scenes=(Part(name="Scene", strip="Shot 2"), other), active="Scene", frames=range(3, 5))
    mixed = Shot(scenes=(Part(name="Scene", mixed=(("Shot 2", "Fore"),)), other), active="Scene", frames=range(3, 5))
    first, second = made(tmp_path / "first.blend", strip), made(tmp_path / "second.blend", mixed)
    alone = chunked(second, mixed, blender, tmp_path)
    blender.close()
    chunked(first, strip, blender, tmp_path)
    assert chunked(second, mixed, blender, tmp_path) == alone


def test_a_scene_of_strips_without_a_camera_is_rendered_as_blender_does(blender: Blender, tmp_path: Path) -> None:
    strips = """
edit = bpy.data.scenes["Edit"]
bpy.data.objects.remove(edit.camera)
scene.render.engine = edit.render.engine = "CYCLES"
strips = edit.sequence_editor_create().strips
strips.new_scene("shot", scene=scene, channel=1, frame_start=1).frame_final_end = 4
strips.new_effect("card", "COLOR", 1, 4, frame_end=6).color = (0, 1, 0)
"""
    file = make_scene(tmp_path / "edit.blend", size=(16, 16), scenes=("Scene", "Edit"), active="Edit", also=strips)
    shot = Shot(scenes=(), active="Edit", frames=range(2, 6), cuts=(1,))
    assert chunked(file, shot, blender, tmp_path) == plain(file, shot, tmp_path)


def test_a_scene_whose_markers_bind_its_cameras_is_rendered_as_blender_does(blender: Blender, tmp_path: Path) -> None:
    markers = """
for frame, name in ((2, "Camera"), (5, "Side")):
    scene.timeline_markers.new(name, frame=frame).camera = bpy.data.objects[name]
scene.camera = None
"""
    file = make_scene(tmp_path / "marked.blend", size=(16, 16), cameras=["Side"], also=markers)
    shot = Shot(scenes=(), active="Scene", frames=range(1, 7), cuts=(3,))
    found = chunked(file, shot, blender, tmp_path)
    assert found == plain(file, shot, tmp_path)
    assert found[4] != found[5]


def test_a_scene_with_only_muted_strips_needs_a_camera(blender: Blender, tmp_path: Path) -> None:
    muted = "scene.sequence_editor_create().strips.new_effect('card', 'COLOR', 1, 1, frame_end=6).mute = True"
    file = make_scene(tmp_path / "muted.blend", camera=False, also=muted)
    with pytest.raises(NoCamera, match="has no camera, and the picture needs it"):
        blender.open(file, RenderSettings(), name="muted.blend")


LINEAR = """
image = scene.render.image_settings
image.file_format, image.color_management = "OPEN_EXR", "OVERRIDE"
image.linear_colorspace_settings.name = "Linear Rec.2020"
"""
COMPARE = """
import os, sys, bpy
scene, plain, farms = sys.argv[1:]
bpy.ops.wm.open_mainfile(filepath=scene)
bpy.context.scene.render.filepath = plain
bpy.ops.render.render(write_still=True)
images = [bpy.data.images.load(path) for path in (plain, farms)]
for image in images:
    image.colorspace_settings.name = "Non-Color"
assert images[0].pixels[:] == images[1].pixels[:]
sys.stdout.flush()
os._exit(0)
"""


def test_openexr_frames_have_the_colour_space_that_the_scene_names(blender: Blender, tmp_path: Path) -> None:
    """Blender resets it when the format is set, even to the same format."""
    scene = make_scene(tmp_path / "shot.blend", format="OPEN_EXR", also=LINEAR)
    plain, farms = tmp_path / "plain.exr", tmp_path / "farm.exr"
    blender.open(scene, RenderSettings(format="OPEN_EXR"), name="shot.blend")
    blender.render(1, farms, run=range(1, 2))
    subprocess.run([sys.executable, "-c", COMPARE, scene, plain, farms], capture_output=True, check=True)
