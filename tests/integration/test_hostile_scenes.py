"""Code and file output in a malicious scene, with a real Blender."""

from pathlib import Path

import pytest
from PIL import Image

from frameloom.model.assets import Reference
from frameloom.model.errors import InvalidRequest
from frameloom.model.settings import RenderSettings
from frameloom.services.prepare_job import prepare
from frameloom.services.scene.reader import read_references
from frameloom.services.storage.ports import Buckets
from frameloom.testing import MemoryStore
from tests.scenes import make_scene
from tests.worker_farm import render_scene as render
from worker.blender import Blender

TRUSTED, UNTRUSTED = RenderSettings(trust_scripts=True), RenderSettings(trust_scripts=False)
# Each writes its name into the file `{path}` when it runs.
HANDLER = """
import bpy
def speak(*_):
    open({path!r}, "a").write("handler ")
for moment in ("load_post", "frame_change_post", "render_pre"):
    getattr(bpy.app.handlers, moment).append(speak)
"""
WAYS = {
    "a registered text": {"script": 'open({path!r}, "a").write("text ")'},
    "a handler": {"script": HANDLER},
    "a driver": {"driver": '__import__("pathlib").Path({path!r}).write_text("driver ") and 0'},
    "a style of Freestyle": {"style": 'open({path!r}, "a").write("style ")'},
}


@pytest.mark.parametrize("way", WAYS)
def test_python_in_a_scene_runs_only_if_the_job_trusts_it(blender: Blender, tmp_path: Path, way: str) -> None:
    said = tmp_path / "said"
    texts = {name: text.format(path=str(said)) for name, text in WAYS[way].items()}
    scene = make_scene(tmp_path / "shot.blend", **texts)  # type: ignore[arg-type]
    said.unlink(missing_ok=True)
    render(blender, scene, UNTRUSTED)
    assert not said.exists()
    # An earlier job that trusts the scene changes nothing, nor does a later one.
    render(blender, scene, TRUSTED)
    assert said.read_text().split()[0] in way
    said.unlink()
    render(blender, scene, UNTRUSTED)
    assert not said.exists()


def test_handlers_of_a_trusted_scene_are_gone_before_the_next_scene(
    blender: Blender, scene: Path, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    script = HANDLER.format(path=str(said)).replace("def speak", "@bpy.app.handlers.persistent\ndef speak")
    loud = make_scene(tmp_path / "shot.blend", script=script)
    render(blender, loud, TRUSTED)
    assert said.exists()
    said.unlink()
    render(blender, scene, UNTRUSTED)
    assert not said.exists()


# Each writes into the folder `{folder}` without a script.
OUTPUT = """
scene.use_nodes = True
tree = scene.node_tree
output = tree.nodes.new("CompositorNodeOutputFile")
output.base_path = {folder!r}
tree.links.new(next(node for node in tree.nodes if node.type == "R_LAYERS").outputs[0], output.inputs[0])
"""
GROUP = """
group = bpy.data.node_groups.new("group", "CompositorNodeTree")
group.use_fake_user = True
group.interface.new_socket("Image", in_out="INPUT", socket_type="NodeSocketColor")
output = group.nodes.new("CompositorNodeOutputFile")
output.base_path = {folder!r}
group.links.new(group.nodes.new("NodeGroupInput").outputs[0], output.inputs[0])
"""
USE_GROUP = """
with bpy.data.libraries.load({library!r}, link=True) as (_, wanted):
    wanted.node_groups = ["group"]
bpy.data.libraries[0].filepath = "//set.blend"
scene.use_nodes = True
tree = scene.node_tree
node = tree.nodes.new("CompositorNodeGroup")
node.node_tree = bpy.data.node_groups["group"]
tree.links.new(next(node for node in tree.nodes if node.type == "R_LAYERS").outputs[0], node.inputs[0])
"""
SIMULATED = """
bpy.ops.wm.save_as_mainfile(filepath=path)
cache = bpy.data.objects["Cube"].modifiers.new("cloth", "CLOTH").point_cache
cache.use_external, cache.filepath, cache.name = True, {folder!r}, "cloth"
cache.use_disk_cache = True
"""


@pytest.mark.parametrize("settings", [UNTRUSTED, TRUSTED])
def test_file_output_nodes_write_no_files_in_the_scene_or_in_a_library(
    blender: Blender, tmp_path: Path, settings: RenderSettings
) -> None:
    folder = tmp_path / "written"
    render(blender, make_scene(tmp_path / "own.blend", also=OUTPUT.format(folder=str(folder))), settings)
    library = make_scene(tmp_path / "set.blend", also=GROUP.format(folder=str(folder)))
    render(blender, make_scene(tmp_path / "shot.blend", also=USE_GROUP.format(library=str(library))), settings)
    assert not folder.exists()


def test_a_simulation_that_writes_to_a_folder_is_rendered_only_if_the_job_trusts_it(
    blender: Blender, tmp_path: Path
) -> None:
    folder = tmp_path / "written"
    scene = make_scene(tmp_path / "shot.blend", also=SIMULATED.format(folder=str(folder)))
    store, buckets = MemoryStore(), Buckets(scenes="scenes", frames="frames", logs="logs")
    store.put("scenes", scene.name, scene.read_bytes())

    def settle(**fields: str) -> None:
        event = {"file": scene.name, **fields}
        prepare(event, job_id="1", started="", store=store, buckets=buckets, blenders=["4.5.15"], device="CPU")

    for fields in ({}, {"missing_assets": "render"}):
        with pytest.raises(InvalidRequest, match=f"trust_scripts: .* would write to {folder}"):
            settle(**fields)
    settle(trust_scripts="true")
    # The refused scene does write.
    render(blender, scene, TRUSTED)
    assert list(folder.iterdir())


# Cycles runs it. Blender's interface would compile it.
SHADER = """
import _cycles
code = path + ".osl"
open(code, "w").write("shader paint(output color Colour = 0) {{ Colour = color(1, 0, 1); }}")
assert _cycles.osl_compile(code, path + ".oso")
tree = bpy.data.materials[0].node_tree
shader, light = tree.nodes.new("ShaderNodeScript"), tree.nodes.new("ShaderNodeEmission")
shader.bytecode, shader.bytecode_hash = open(path + ".oso").read(), "0" * 32
tree.links.new(shader.outputs.new("NodeSocketColor", "Colour"), light.inputs[0])
tree.links.new(light.outputs[0], next(node for node in tree.nodes if node.type == "OUTPUT_MATERIAL").inputs[0])
scene.cycles.shading_system = {on}
"""


def test_an_osl_shader_runs_if_the_job_trusts_it_and_is_refused_otherwise(blender: Blender, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "shot.blend", also=SHADER.format(on=True))
    with pytest.raises(
        InvalidRequest, match="trust_scripts: the scene has a shader in Open Shading Language, 'Script'"
    ):
        render(blender, scene, UNTRUSTED)
    render(blender, scene, TRUSTED)
    with Image.open(scene.with_suffix(".png")) as picture:
        assert picture.convert("RGB").getpixel((32, 18)) == (255, 0, 255)
    # A shader that is switched off is not run, so nothing is refused.
    off = make_scene(tmp_path / "off.blend", also=SHADER.format(on=False))
    render(blender, off, UNTRUSTED)
    with Image.open(off.with_suffix(".png")) as picture:
        assert picture.convert("RGB").getpixel((32, 18)) != (255, 0, 255)


CAMERA = """
import _cycles
code = path + ".osl"
start = "output point position = 0, output vector direction = vector(0, 0, 1)"
open(code, "w").write("shader see(" + start + ", output color throughput = color(9, 0, 9)) {}")
assert _cycles.osl_compile(code, path + ".oso")
camera = scene.camera.data
camera.type, camera.custom_mode, camera.custom_filepath = "CUSTOM", "EXTERNAL", "//camera.oso"
camera.custom_bytecode, camera.custom_bytecode_hash = open(path + ".oso").read(), "0" * 32
scene.world.color = (1, 1, 1)
"""


def test_an_osl_camera_runs_if_the_job_trusts_it_and_is_refused_otherwise(blender: Blender, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "shot.blend", also=CAMERA)
    assert read_references(scene) == (Reference(path="//camera.oso", required=False),)
    with pytest.raises(
        InvalidRequest, match="trust_scripts: the scene has a camera in Open Shading Language, 'Camera'"
    ):
        render(blender, scene, UNTRUSTED)
    render(blender, scene, TRUSTED)
    with Image.open(scene.with_suffix(".png")) as picture:
        assert picture.convert("RGB").getpixel((32, 18)) == (255, 0, 255)


# The value changes at frame 2, after the file is opened.
ANIMATED = """
action = bpy.data.actions.new("on")
for frame in (1, 2):
    points = (action.fcurves.find({path!r}) or action.fcurves.new({path!r})).keyframe_points
    points.insert(frame, {value} if frame == 2 else 0).interpolation = "CONSTANT"
{owner}.animation_data_create().action = action
{owner}.animation_data.action_slot = action.slots[0]
"""


@pytest.mark.parametrize(
    "also",
    [
        SHADER.format(on=False) + ANIMATED.format(owner="scene", path="cycles.shading_system", value=1),
        CAMERA + "camera.type = 'PERSP'\n" + ANIMATED.format(owner="camera", path="type", value=3),
    ],
    ids=["shader", "camera"],
)
def test_an_animation_cannot_switch_on_osl_in_an_untrusted_scene(blender: Blender, tmp_path: Path, also: str) -> None:
    scene = make_scene(tmp_path / "shot.blend", also=also)
    for settings, runs in ((UNTRUSTED, False), (TRUSTED, True)):
        render(blender, scene, settings)
        with Image.open(scene.with_suffix(".png")) as picture:
            assert (picture.convert("RGB").getpixel((32, 18)) == (255, 0, 255)) is runs
