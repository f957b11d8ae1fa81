"""The result of a chunk: stored frames, or the error that its job gets."""

from dataclasses import replace
from pathlib import Path

import pytest

from frameloom.model.errors import SceneNotFound
from frameloom.services.images.integrity import check_image
from tests.scenes import make_scene
from tests.worker_farm import PREFIX, WorkerFarm
from worker.blender import Blender
from worker.rendered_frame import RenderedFrame


def test_a_chunk_is_rendered_with_the_settings_of_its_job(farm: WorkerFarm, scene: Path) -> None:
    farm.work(farm.message(scene, "1", resolution_percentage=50, format="JPEG"))
    assert farm.frames() == ["000001.jpg"]
    check_image(farm.store.get("frames", PREFIX + "000001.jpg") or b"", format="JPEG", frame=1, size=(32, 18))


def test_frames_of_an_earlier_attempt_are_not_rendered_again(farm: WorkerFarm, scene: Path) -> None:
    farm.store.put("frames", PREFIX + "000002.png", b"kept")
    farm.work(farm.message(scene, "1-3"))
    assert farm.store.get("frames", PREFIX + "000002.png") == b"kept"
    assert (farm.answers.succeeded["token"]["rendered"], farm.answers.succeeded["token"]["reused"]) == (2, 1)


def test_a_scene_without_a_camera_fails_the_chunk_by_name(farm: WorkerFarm, tmp_path: Path) -> None:
    blind = make_scene(tmp_path / "blind.blend", camera=False)
    farm.work(farm.message(blind, "1"))
    assert farm.answers.failed["token"][0] == "NoCamera"
    assert "blind.blend" in farm.answers.failed["token"][1]


def test_a_file_that_blender_cannot_open_renders_no_other_scene(farm: WorkerFarm, tmp_path: Path) -> None:
    broken = tmp_path / "broken.blend"
    broken.write_bytes(b"BLENDER-v405" + bytes(100))
    farm.work(farm.message(broken, "1"))
    assert farm.answers.failed["token"][0] == "SceneUnreadable"
    assert farm.frames() == []


def test_a_scene_that_changed_after_prepare_job_is_refused(farm: WorkerFarm, scene: Path, slow_scene: Path) -> None:
    body = farm.message(scene, "1")
    farm.store.put("scenes", scene.name, slow_scene.read_bytes())
    farm.work(body)
    assert farm.answers.failed["token"][0] == "SceneUnreadable"
    assert "prepared" in farm.answers.failed["token"][1]


def test_a_deleted_scene_fails_the_chunk_by_name(farm: WorkerFarm, scene: Path) -> None:
    body = farm.message(scene, "1")
    farm.store.delete("scenes", scene.name)
    farm.work(body)
    assert farm.answers.failed["token"] == ("SceneNotFound", str(SceneNotFound(bucket="scenes", key=scene.name)))


def test_a_worker_with_another_blender_than_the_job_refuses_the_chunk(farm: WorkerFarm, scene: Path) -> None:
    farm.work(farm.message(scene, "1", blender="5.0.1"))
    assert farm.answers.failed["token"][0] == "BlenderMismatch"


def test_a_truncated_image_is_never_stored(farm: WorkerFarm, scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk Blender reports a truncated frame as finished."""
    render = Blender.render

    def cut(blender: Blender, frame: int, path: Path, *, run: range) -> RenderedFrame:
        rendered = render(blender, frame, path, run=run)
        if frame == 2:
            path.write_bytes(path.read_bytes()[:-20])
        return rendered

    monkeypatch.setattr(Blender, "render", cut)
    farm.work(farm.message(scene, "1-3"))
    assert farm.answers.failed["token"][0] == "FrameInvalid"
    assert farm.frames() == ["000001.png", "000003.png"]


def test_a_frame_with_too_few_bits_is_never_stored(
    farm: WorkerFarm, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scene is set to 16 bits, and the file has 8."""
    render = Blender.render

    def deeper(blender: Blender, frame: int, path: Path, *, run: range) -> RenderedFrame:
        rendered = render(blender, frame, path, run=run)
        assert rendered.depth == 8
        return replace(rendered, depth=16)

    monkeypatch.setattr(Blender, "render", deeper)
    farm.work(farm.message(scene, "1"))
    assert farm.frames() == []
    assert "it has 8 bits a channel, not 16" in farm.answers.failed["token"][1]
