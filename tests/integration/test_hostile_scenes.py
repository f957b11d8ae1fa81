"""What a scene that means harm can do to the worker that renders it, with a real Blender."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from frameloom.model.assets import Reference
from frameloom.model.errors import InvalidRequest
from frameloom.model.log_event import LogEvent
from frameloom.model.settings import RenderSettings
from frameloom.services.prepare_job import prepare
from frameloom.services.scene.reader import read_references
from frameloom.services.storage.ports import Buckets
from frameloom.testing import MemoryStore
from tests.conformance.toolbox import ROOT
from tests.integration.test_worker import Farm
from tests.scenes import make_scene
from worker.blender import Blender

TRUSTED, UNTRUSTED = RenderSettings(trust_scripts=True), RenderSettings(trust_scripts=False)
# Each leaves its word in the file `{path}` when it runs.
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
# What a script can find out of where it is, and then writes into a file.
LOOK_AROUND = """
import os, socket
said = []
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=5)
    said.append("connected")
except OSError as error:
    said.append(f"network: {{error.errno}}")
for what in ("environ", "mem", "ns/net"):
    try:
        open(f"/proc/{{os.getppid()}}/{{what}}", "rb").close()
        said.append(f"read {{what}}")
    except OSError:
        pass
open({path!r}, "w").write(", ".join(said))
"""


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_scene(tmp_path_factory.mktemp("calm") / "calm.blend")


def render(blender: Blender, scene: Path, settings: RenderSettings) -> str | None:
    """Render a frame and return what `open` said of the network."""
    network = blender.open(scene, settings, name=scene.name)
    # What runs scripts stays within the render: as Blender leaves it, they run once more, beside the test.
    run = range(2, 4) if settings.trust_scripts else None
    blender.render(2, scene.with_suffix(".png"), run=run)
    return network


@pytest.mark.parametrize("way", WAYS)
def test_python_in_a_scene_runs_where_the_job_trusts_it_and_nowhere_else(
    blender: Blender, tmp_path: Path, way: str
) -> None:
    said = tmp_path / "said"
    texts = {name: text.format(path=str(said)) for name, text in WAYS[way].items()}
    scene = make_scene(tmp_path / "shot.blend", **texts)  # type: ignore[arg-type]
    said.unlink(missing_ok=True)
    render(blender, scene, UNTRUSTED)
    assert not said.exists()
    # A trusting job before it changes nothing, nor does one behind it.
    render(blender, scene, TRUSTED)
    assert said.read_text().split()[0] in way
    said.unlink()
    render(blender, scene, UNTRUSTED)
    assert not said.exists()


def test_what_a_trusted_scene_left_in_blender_is_gone_before_the_next_scene(
    blender: Blender, calm: Path, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    script = HANDLER.format(path=str(said)).replace("def speak", "@bpy.app.handlers.persistent\ndef speak")
    loud = make_scene(tmp_path / "shot.blend", script=script)
    render(blender, loud, TRUSTED)
    assert said.exists()
    said.unlink()
    render(blender, calm, UNTRUSTED)
    assert not said.exists()


def test_a_scene_that_is_asked_for_again_costs_blender_no_new_start_and_another_one_does(
    blender: Blender, calm: Path, tmp_path: Path
) -> None:
    render(blender, calm, UNTRUSTED)
    pid = blender.pid
    render(blender, calm, UNTRUSTED)
    assert blender.pid == pid
    render(blender, make_scene(tmp_path / "other.blend", samples=2), UNTRUSTED)
    assert blender.pid != pid


def _look_around(blender: Blender, tmp_path: Path, port: int) -> tuple[str | None, str]:
    said = tmp_path / "said"
    scene = make_scene(tmp_path / "shot.blend", script=LOOK_AROUND.format(path=str(said), port=port))
    return render(blender, scene, TRUSTED), said.read_text()


def test_a_scene_reaches_no_network_and_nothing_of_the_worker_that_started_it(blender: Blender, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        network, said = _look_around(blender, tmp_path, server.getsockname()[1])
    if network is not None:
        pytest.skip(f"the kernel lets nobody leave its network here: {network}")
    # ENETUNREACH: not refused by a listener, but no way to one.
    assert said == "network: 101"


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A sandbox that refuses, as those of containers do."""
    words = "from worker.blender_process import sandbox\nsandbox.seclude = lambda: 'Operation not permitted'\n"
    (tmp_path / "sitecustomize.py").write_text(words)
    monkeypatch.setattr("worker.blender._PASSED", ("PATH", "PYTHONPATH"))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")


@pytest.mark.usefixtures("refusing")
def test_where_the_kernel_refuses_the_scene_renders_all_the_same_and_the_log_says_so_once(
    calm: Path, tmp_path: Path
) -> None:
    farm = Farm(tmp_path)
    farm.work(farm.message(calm, "1", token="a"), farm.message(calm, "2", token="b"))
    assert sorted(farm.answers.succeeded) == ["a", "b"]
    said = [record for record in farm.records if record.get("event") == LogEvent.SANDBOX_REFUSED]
    assert [record["facts"] for record in said] == [{"problem": "Operation not permitted"}]


# Each has something write into the folder `{folder}`, without any script.
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
def test_a_node_that_writes_files_writes_none_in_the_scene_or_in_a_library(
    blender: Blender, tmp_path: Path, settings: RenderSettings
) -> None:
    folder = tmp_path / "written"
    render(blender, make_scene(tmp_path / "own.blend", also=OUTPUT.format(folder=str(folder))), settings)
    library = make_scene(tmp_path / "set.blend", also=GROUP.format(folder=str(folder)))
    render(blender, make_scene(tmp_path / "shot.blend", also=USE_GROUP.format(library=str(library))), settings)
    assert not folder.exists()


def test_a_scene_that_writes_as_it_simulates_reaches_a_worker_only_where_it_is_trusted(
    blender: Blender, tmp_path: Path
) -> None:
    folder = tmp_path / "written"
    scene = make_scene(tmp_path / "shot.blend", also=SIMULATED.format(folder=str(folder)))
    store, buckets = MemoryStore(), Buckets(scenes="scenes", frames="frames", logs="logs")
    store.put("scenes", scene.name, scene.read_bytes())

    def settle(**fields: str) -> None:
        event = {"file": scene.name, **fields}
        prepare(event, job_id="1", started="", store=store, buckets=buckets, blender="4.5.15", device="CPU")

    for fields in ({}, {"missing_assets": "render"}):
        with pytest.raises(InvalidRequest, match=f"trust_scripts: .* would write to {folder}"):
            settle(**fields)
    settle(trust_scripts="true")
    # It was refused for a reason.
    render(blender, scene, TRUSTED)
    assert list(folder.iterdir())


# Cycles compiles and runs it; Blender's own window would do the compiling.
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


def test_a_shader_that_is_code_runs_where_the_job_trusts_it_and_is_refused_elsewhere(
    blender: Blender, tmp_path: Path
) -> None:
    scene = make_scene(tmp_path / "shot.blend", also=SHADER.format(on=True))
    with pytest.raises(
        InvalidRequest, match="trust_scripts: the scene has a shader in Open Shading Language, 'Script'"
    ):
        render(blender, scene, UNTRUSTED)
    render(blender, scene, TRUSTED)
    with Image.open(scene.with_suffix(".png")) as picture:
        assert picture.convert("RGB").getpixel((32, 18)) == (255, 0, 255)
    # Switched off it is no code, and nothing is refused.
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


def test_a_camera_that_is_code_runs_where_the_job_trusts_it_and_is_refused_elsewhere(
    blender: Blender, tmp_path: Path
) -> None:
    scene = make_scene(tmp_path / "shot.blend", also=CAMERA)
    assert read_references(scene) == (Reference(path="//camera.oso", required=False),)
    with pytest.raises(
        InvalidRequest, match="trust_scripts: the scene has a camera in Open Shading Language, 'Camera'"
    ):
        render(blender, scene, UNTRUSTED)
    render(blender, scene, TRUSTED)
    with Image.open(scene.with_suffix(".png")) as picture:
        assert picture.convert("RGB").getpixel((32, 18)) == (255, 0, 255)


# From frame 2 on it is what it was not when the file was opened.
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
def test_no_animation_switches_code_on_in_a_scene_that_nobody_trusts(
    blender: Blender, tmp_path: Path, also: str
) -> None:
    scene = make_scene(tmp_path / "shot.blend", also=also)
    for settings, runs in ((UNTRUSTED, False), (TRUSTED, True)):
        render(blender, scene, settings)
        with Image.open(scene.with_suffix(".png")) as picture:
            assert (picture.convert("RGB").getpixel((32, 18)) == (255, 0, 255)) is runs


LOOK_AT_PARENT = """
import os
try:
    open(f"/proc/{os.getppid()}/environ", "rb").read()
    print("read")
except OSError:
    print("unread")
"""
SECLUDED = """
import os, time
from worker.blender_process.sandbox import seclude
begun = time.process_time()
refused = seclude()
quick = time.process_time() - begun < 0.02
open("own", "w").write("mine")
print(refused or "secluded", os.getuid(), os.getgid(), quick)
"""
SUPERVISOR = """
import subprocess, sys
from worker.blender_process.sandbox import keep_to_itself
{first}
subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
"""


@pytest.fixture
def other_user() -> Iterator[Callable[[str, str], list[str]]]:
    """Return what runs code as a child of a supervisor, both of one user without rights, as in the worker's image."""
    if os.geteuid() != 0 or not Path("/usr/bin/python3").exists():
        pytest.skip("only root can become another user, who needs a Python to start")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        shutil.copytree(ROOT / "worker", Path(folder, "worker"))
        Path(folder).chmod(0o777)

        def run(code: str, first: str) -> list[str]:
            done = subprocess.run(
                ["/usr/bin/python3", "-c", SUPERVISOR.format(first=first), code],
                cwd=folder,
                user=10001,
                group=10001,
                extra_groups=[],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            written = Path(folder, "own")
            assert not written.exists() or written.stat().st_uid == 10001
            return done.stdout.split()

        yield run


def test_a_user_without_rights_is_secluded_in_milliseconds_and_keeps_its_files(
    other_user: Callable[[str, str], list[str]],
) -> None:
    refused, *found = other_user(SECLUDED + LOOK_AT_PARENT, "")
    if refused != "secluded":
        pytest.skip("the kernel lets nobody leave its network here")
    assert found == ["10001", "10001", "True", "unread"]


def test_a_child_that_the_kernel_does_not_seclude_cannot_read_its_supervisor_either(
    other_user: Callable[[str, str], list[str]],
) -> None:
    assert other_user(LOOK_AT_PARENT, "") == ["read"]
    assert other_user(LOOK_AT_PARENT, "keep_to_itself()") == ["unread"]


@pytest.mark.skipif(sys.platform != "linux", reason="as Linux has it")
def test_a_worker_keeps_to_itself_before_anything_else() -> None:
    """It finds nothing of its configuration and ends, but is no longer dumpable: PR_GET_DUMPABLE."""
    code = "import ctypes, worker.__main__ as worker; print(worker.main(), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "0"]


def test_a_secluded_child_dies_with_its_supervisor(tmp_path: Path, calm: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom frameloom.model.settings import RenderSettings\n"
        "from worker.blender import Blender\n"
        f"blender = Blender(scratch=Path({str(tmp_path)!r}))\n"
        f"blender.open(Path({str(calm)!r}), RenderSettings(), name='calm')\n"
        "print(blender.pid, flush=True)\ntime.sleep(60)\n"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    with supervisor, supervisor.stdout as words:
        pid = int(words.readline())
        supervisor.kill()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if "State:\tZ" not in Path(f"/proc/{pid}/status").read_text():
                time.sleep(0.01)
                continue
        return
    pytest.fail("the child outlived its supervisor")
