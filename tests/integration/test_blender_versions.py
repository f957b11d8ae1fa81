"""A worker with several Blenders."""

from pathlib import Path

import pytest

from frameloom.model.errors import BlenderMismatch
from frameloom.model.settings import RenderSettings
from tests.scenes import make_scene
from tests.worker_farm import WorkerFarm
from worker.blender import Blender
from worker.blender_versions import find_blender

# Python in the scene halves the picture in Blender 5.
HALF = "import bpy\nif bpy.app.version >= (5, 0):\n    bpy.context.scene.render.resolution_percentage = 50\n"


def test_chunks_of_two_versions_are_rendered_by_one_worker(
    farm: WorkerFarm, two_blenders: tuple[str, ...], tmp_path: Path
) -> None:
    scene = make_scene(tmp_path / "shot.blend", script=HALF)
    bodies = [
        farm.message(scene, frame, token=token, blender=blender, trust_scripts=True)
        for token, frame, blender in zip("abc", "123", [*two_blenders, two_blenders[0]], strict=True)
    ]
    farm.work(*bodies)
    assert farm.answers.failed == {}
    sizes = {name: len(farm.pixels(name)) for name in farm.frames()}
    assert sizes == {"000001.png": 64 * 36 * 4, "000002.png": 32 * 18 * 4, "000003.png": 64 * 36 * 4}


def test_a_blender_may_be_added_and_removed_while_the_worker_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = tmp_path / "blenders/5.0.1"
    monkeypatch.setenv("FRAMELOOM_BLENDERS", str(added.parent))
    mismatch = r"^The job needs Blender 5\.0\.1, but this worker has Blender 4\.5\.15\.$"
    with pytest.raises(BlenderMismatch, match=mismatch):
        find_blender("5.0.1")
    (added / "bpy").mkdir(parents=True)
    assert find_blender("5.0.1").folder == added
    assert find_blender(None).version == "4.5.15"
    added.rename(tmp_path / "removed")
    with pytest.raises(BlenderMismatch, match=mismatch):
        find_blender("5.0.1")


def test_a_version_that_the_worker_lacks_leaves_the_open_scene_as_it_is(blender: Blender, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "shot.blend")
    settings = RenderSettings(blender="4.5.15")
    blender.open(scene, settings, name="shot.blend")
    pid = blender.pid
    with pytest.raises(BlenderMismatch):
        blender.start("5.0.1")
    assert blender.open(scene, settings, name="shot.blend") is None
    assert blender.pid == pid
