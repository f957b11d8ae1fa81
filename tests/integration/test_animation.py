"""Consecutive frames are rendered as one animation, and each has the pixels that it has alone."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from frameloom.model.errors import RenderCrashed
from frameloom.model.settings import RenderSettings
from tests.scenes import make_scene
from tests.worker_farm import WorkerFarm
from worker.blender import Blender

TRUSTED = RenderSettings(trust_scripts=True)
# Writes the window's scene and the frame each time that a scene is evaluated for a frame.
EVALUATIONS = """
import bpy
def speak(scene, *_):
    open({path!r}, "a").write(f"{{bpy.context.scene.name}}:{{scene.frame_current}} ")
bpy.app.handlers.frame_change_post.append(speak)
"""
# Blender's process without its pipes: prints the scenes that are evaluated while an untrusted scene is rendered.
LISTENING = """
import os, sys
from pathlib import Path
import bpy
from frameloom.model.settings import RenderSettings
from worker.blender_process.session import Session
scene, folder = sys.argv[1:]
run = {"do": "render", "last": 6, "step": 2}
frames = [run | {"frame": frame, "paths": [f"{folder}/{frame}.png"]} for frame in (2, 4, 6)]
commands, answers, evaluated = iter(frames), [], []
session = Session(commands, answers.append)
session.open(Path(scene), RenderSettings(), name="shot", complete=True)
for moment in ("frame_change_post", "depsgraph_update_post"):
    getattr(bpy.app.handlers, moment).append(lambda scene, _: evaluated.append(scene.name))
session.do(next(commands))
assert len(answers) == 4, answers
print("evaluated", *(name for name in evaluated if name != "nothing"), file=sys.stderr, flush=True)
os._exit(0)
"""
# The driver leaves the cube in place as long as the scene keeps its own last frame.
DRIVEN = """
driver = bpy.data.objects["Cube"].driver_add("location", 0).driver
end = driver.variables.new()
end.name, end.type = "end", "SINGLE_PROP"
end.targets[0].id_type, end.targets[0].id, end.targets[0].data_path = "SCENE", scene, "frame_end"
driver.expression = "end - 110"
"""
NO_CAMERA_AT_3 = """
import bpy
def cut(scene, *_):
    if scene.frame_current == 3:
        bpy.data.objects.remove(scene.camera)
bpy.app.handlers.render_pre.append(cut)
"""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene whose own frame range has no frame of the jobs."""
    return make_scene(tmp_path_factory.mktemp("scene") / "shot.blend", frames=(100, 110), step=3)


def pixels(path: Path) -> bytes:
    return Image.open(path).tobytes()


def test_scripts_see_their_scene_in_the_window_evaluated_once_for_each_frame(blender: Blender, tmp_path: Path) -> None:
    said, path = tmp_path / "said", tmp_path / "frame.png"
    blender.open(make_scene(tmp_path / "shot.blend", script=EVALUATIONS.format(path=str(said))), TRUSTED, name="shot")
    said.write_text("")
    for frame in (2, 4, 6):
        blender.render(frame, path, run=range(2, 9, 2))
    assert said.read_text().split() == ["Scene:2", "Scene:4", "Scene:6"]


def test_the_window_does_not_evaluate_the_scene(scene: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", LISTENING, str(scene), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "evaluated Scene Scene Scene\n" in done.stderr


def test_a_frame_has_the_same_pixels_in_an_animation_and_alone(blender: Blender, scene: Path, tmp_path: Path) -> None:
    blender.open(scene, RenderSettings(), name="shot")
    for frame in (0, 1, 2):
        blender.render(frame, tmp_path / f"run-{frame}.png", run=range(3))
    for frame in (2, 0, 1):
        blender.render(frame, tmp_path / f"alone-{frame}.png")
    together, alone = ([pixels(tmp_path / f"{how}-{frame}.png") for frame in range(3)] for how in ("run", "alone"))
    assert together == alone
    assert len(set(together)) == 3


def test_a_frame_is_rendered_only_after_its_command(blender: Blender, scene: Path, tmp_path: Path) -> None:
    heard: list[str] = []
    blender.on_output = lambda line, _: heard.append(line)
    blender.open(scene, RenderSettings(), name="shot")
    blender.render(1, tmp_path / "1.png", run=range(1, 3))
    # Long enough for another frame, for which Blender would print "Saved".
    time.sleep(0.5)
    assert sum(line.startswith("Saved: ") for line in heard) == 1
    assert blender.render(2, tmp_path / "2.png", run=range(1, 3)).frame == 2


def test_blender_is_replaced_after_an_incomplete_animation(blender: Blender, scene: Path, tmp_path: Path) -> None:
    blender.open(scene, RenderSettings(), name="shot")
    first = blender.pid
    blender.render(1, tmp_path / "1.png", run=range(1, 4))
    blender.open(scene, RenderSettings(), name="shot")
    assert blender.pid not in (None, first)
    second = blender.pid
    assert blender.render(7, tmp_path / "7.png", run=range(7, 8)).frame == 7
    blender.open(scene, RenderSettings(), name="shot")
    assert blender.pid == second


def test_a_frame_that_fails_in_an_animation_is_named_and_blender_goes_on(blender: Blender, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "shot.blend", script=NO_CAMERA_AT_3)
    blender.open(scene, TRUSTED, name="shot")
    run, pid = range(2, 6), blender.pid
    assert blender.render(2, tmp_path / "2.png", run=run).frame == 2
    with pytest.raises(RenderCrashed, match=r"frame 3\b.*[Cc]amera"):
        blender.render(3, tmp_path / "3.png", run=run)
    blender.open(scene, TRUSTED, name="shot")
    assert blender.pid == pid
    with pytest.raises(RenderCrashed, match=r"frame 4\b"):
        blender.render(4, tmp_path / "4.png")
    assert not (tmp_path / "3.png").exists()


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "OPEN_EXR"])
def test_all_frames_of_a_chunk_are_rendered_in_each_format(tmp_path: Path, scene: Path, file_format: str) -> None:
    farm = WorkerFarm(tmp_path)
    ending = {"PNG": "png", "JPEG": "jpg", "OPEN_EXR": "exr"}[file_format]
    farm.work(farm.message(scene, "-2-1,5-9:2,20", format=file_format))
    assert farm.answers.succeeded["token"]["rendered"] == 8
    names = ["-00001", "-00002", "000000", "000001", "000005", "000007", "000009", "000020"]
    assert farm.frames() == [f"{name}.{ending}" for name in names]


def test_a_stored_frame_in_the_middle_of_a_chunk_is_not_rendered_again(tmp_path: Path, scene: Path) -> None:
    farm = WorkerFarm(tmp_path)
    farm.work(farm.message(scene, "3", token="earlier"), farm.message(scene, "1-6", token="whole"))
    answer = farm.answers.succeeded["whole"]
    assert (answer["rendered"], answer["reused"]) == (5, 1)
    assert len({farm.pixels(name) for name in farm.frames()}) == 6


def test_drivers_see_the_frame_range_of_the_scene(blender: Blender, scene: Path, tmp_path: Path) -> None:
    driven = make_scene(tmp_path / "driven.blend", frames=(100, 110), step=3, also=DRIVEN)
    for name, file in (("free", scene), ("driven", driven)):
        blender.open(file, RenderSettings(), name=name)
        for frame in (1, 2):
            blender.render(frame, tmp_path / f"{name}-{frame}.png", run=range(1, 3))
    for frame in (1, 2):
        assert pixels(tmp_path / f"driven-{frame}.png") == pixels(tmp_path / f"free-{frame}.png")
