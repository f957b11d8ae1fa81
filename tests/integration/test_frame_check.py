"""Frames that Blender reports as finished and that the worker refuses, with a real Blender."""

import json
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from frameloom.services.images import exr_pixels
from frameloom.services.images.integrity import ImageFacts
from tests.integration.test_animation import NO_CAMERA_AT_3
from tests.scenes import make_scene
from tests.worker_farm import PREFIX, WorkerFarm
from worker.blender import Blender
from worker.rendered_frame import RenderedFrame


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene whose cube is hidden in frame 2."""
    return make_scene(tmp_path_factory.mktemp("hidden") / "hidden.blend", frames=(1, 3), hidden=[2])


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene in whose frame 2 the cube's pixels are NaN."""
    return make_scene(tmp_path_factory.mktemp("broken") / "broken.blend", frames=(1, 3), broken=[2])


def attempt(farm: WorkerFarm, scene: Path, number: int, **settings: Any) -> None:
    """Have a worker try frames 1 to 3, as attempt `number`."""
    body = json.loads(farm.message(scene, "1-3", token=f"attempt-{number}", **settings))
    farm.work(json.dumps(body | {"attempt": number, "chunk_id": "1-000000"}))


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "OPEN_EXR"])
def test_a_flat_frame_is_stored_only_after_a_second_attempt_renders_the_same(
    farm: WorkerFarm, hidden: Path, format_: str
) -> None:
    attempt(farm, hidden, 0, format=format_)
    error, cause = farm.answers.failed["attempt-0"]
    assert (error, cause.partition(":")[0]) == ("FrameInvalid", "Frame 2 is invalid")
    assert "one colour" in cause
    assert [name.partition(".")[0] for name in farm.frames()] == ["000001", "000003"]
    attempt(farm, hidden, 1, format=format_)
    answer = farm.answers.succeeded["attempt-1"]
    assert (answer["rendered"], answer["reused"]) == (1, 2)
    assert len(farm.frames()) == 3


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> dict[int, list[str]]:
    """The processes that have rendered each frame, filled in as they do."""
    render, found = Blender.render, defaultdict[int, list[str]](list)

    def note(blender: Blender, frame: int, path: Path, *, run: range) -> RenderedFrame:
        rendered = render(blender, frame, path, run=run)
        found[frame].append(rendered.process)
        return rendered

    monkeypatch.setattr(Blender, "render", note)
    return found


def test_the_next_attempt_at_a_flat_frame_runs_in_another_process(
    farm: WorkerFarm, hidden: Path, processes: dict[int, list[str]]
) -> None:
    """If there is no other worker, the worker itself must start another process."""
    farm.work(farm.message(hidden, "2", token="first"), farm.message(hidden, "2", token="second"))
    assert (farm.answers.failed["first"][0], list(farm.answers.succeeded)) == ("FrameInvalid", ["second"])
    assert len(set(processes[2])) == len(processes[2]) == 2


def test_another_error_in_the_chunk_does_not_keep_the_process_of_a_flat_frame(
    farm: WorkerFarm, tmp_path: Path, processes: dict[int, list[str]]
) -> None:
    scene = make_scene(tmp_path / "cut.blend", hidden=[2], script=NO_CAMERA_AT_3)
    messages = [farm.message(scene, "2-3", token=token, trust_scripts=True) for token in ("first", "second")]
    farm.work(*messages)
    assert [farm.answers.failed[token][0] for token in ("first", "second")] == ["RenderCrashed", "RenderCrashed"]
    assert len(set(processes[2])) == len(processes[2]) == 2


def test_an_openexr_is_checked_while_the_next_frame_renders_and_before_the_answer(
    farm: WorkerFarm, hidden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render, check, begun, checked = Blender.render, exr_pixels.check_pixels, threading.Event(), []

    def note(blender: Blender, frame: int, path: Path, *, run: range) -> RenderedFrame:
        if frame == 3:
            begun.set()
        return render(blender, frame, path, run=run)

    def wait(path: Path, facts: ImageFacts) -> exr_pixels.PixelFindings:
        checked.append((begun.wait(60), len(farm.answers.succeeded)))
        return check(path, facts)

    monkeypatch.setattr(Blender, "render", note)
    monkeypatch.setattr(exr_pixels, "check_pixels", wait)
    farm.work(farm.message(hidden, "1,3", format="OPEN_EXR"))
    assert checked == [(True, 0), (True, 0)]
    assert farm.answers.succeeded["token"]["rendered"] == 2


def test_a_frame_with_nan_pixels_is_never_stored_and_the_error_counts_them(farm: WorkerFarm, broken: Path) -> None:
    for number in (0, 1):
        attempt(farm, broken, number, format="OPEN_EXR")
        error, cause = farm.answers.failed[f"attempt-{number}"]
        assert error == "FrameInvalid"
        assert cause.startswith("Frame 2 is invalid: of its 2304 pixels some are NaN or infinite (R ")
    assert farm.frames() == ["000001.exr", "000003.exr"]
    assert farm.store.get("frames", PREFIX + "000002.exr") is None
