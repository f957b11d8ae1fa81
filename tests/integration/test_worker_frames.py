"""What the worker finds wrong with frames that Blender called finished, with a real Blender."""

import io
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from frameloom.model.errors import FrameInvalid
from frameloom.model.messages import ChunkMessage
from frameloom.services.images import exr_pixels
from frameloom.services.images.integrity import ImageFacts
from frameloom.testing import MemoryStore
from tests.integration.test_worker import PREFIX, Farm
from tests.integration.test_worker_animation import NO_CAMERA_AT_3
from tests.scenes import make_scene
from worker.blender import Blender, Rendered
from worker.flat_frames import Doubts


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    """A farm whose worker leaves nothing behind, whatever happened to it."""
    farm = Farm(tmp_path)
    yield farm
    assert list(farm.scratch.iterdir()) == []


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene whose cube is not seen in frame 2."""
    return make_scene(tmp_path_factory.mktemp("hidden") / "hidden.blend", frames=(1, 3), hidden=[2])


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene in which nothing is ever seen."""
    return make_scene(tmp_path_factory.mktemp("empty") / "empty.blend", frames=(1, 3), hidden=[1, 2, 3])


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene in whose frame 2 the cube's pixels are NaN."""
    return make_scene(tmp_path_factory.mktemp("broken") / "broken.blend", frames=(1, 3), broken=[2])


def test_a_texture_that_blender_does_not_find_ends_the_job_by_its_path(farm: Farm, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "bare.blend", missing_image="//textures/wood.png")
    farm.work(farm.message(scene, "1"))
    error, cause = farm.answers.failed["token"]
    assert (error, farm.frames()) == ("MissingAssets", [])
    assert "//textures/wood.png" in cause


def test_a_job_that_says_so_renders_without_what_is_missing(farm: Farm, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "bare.blend", missing_image="//textures/wood.png")
    refused = json.loads(farm.message(scene, "1", token="refused"))
    allowed = json.loads(farm.message(scene, "1", token="allowed"))
    allowed["scene"]["missing_assets"] = "render"
    farm.work(json.dumps(allowed), json.dumps(refused))
    assert (list(farm.answers.succeeded), farm.frames()) == (["allowed"], ["000001.png"])
    # The scene is open already, and what one job may is not what the next one may.
    assert farm.answers.failed["refused"][0] == "MissingAssets"


def _halved(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _swapped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(255 - byte for byte in data[middle : middle + 9]) + data[middle + 9 :]


@pytest.mark.parametrize(
    ("name", "damage"),
    [("wood.png", _halved), ("wood.png", _swapped), ("wood.png", lambda _: b"wood"), ("wood.tif", lambda _: b"II*")],
)
def test_a_texture_that_is_there_and_damaged_ends_the_job_by_its_path(
    farm: Farm, tmp_path: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    scene = make_scene(tmp_path / "bare.blend", missing_image=f"//{name}")
    picture = io.BytesIO()
    Image.effect_noise((64, 64), 90).convert("RGB").save(picture, "TIFF" if name.endswith(".tif") else "PNG")

    def message(data: bytes, token: str, **fields: str) -> str:
        body = json.loads(farm.message(scene, "1", token=token))
        farm.store.put("scenes", name, data)
        stored = farm.store.head("scenes", name)
        assert stored is not None
        asset = {"key": name, "version": stored.version, "etag": stored.etag, "size": stored.size}
        farm.store.put("logs", f"{token}.json", json.dumps([asset]).encode())
        body["scene"] |= {"assets": {"bucket": "logs", "key": f"{token}.json"}, **fields}
        return json.dumps(body)

    whole, broken = picture.getvalue(), damage(picture.getvalue())
    farm.work(message(whole, "whole"), message(broken, "broken"), message(broken, "any", missing_assets="render"))
    error, cause = farm.answers.failed["broken"]
    assert (error, f"//{name} (damaged)" in cause) == ("MissingAssets", True)
    assert sorted(farm.answers.succeeded) == ["any", "whole"]


def attempt(farm: Farm, scene: Path, number: int, **settings: Any) -> None:
    """Have a worker try frames 1 to 3, as attempt `number`."""
    body = json.loads(farm.message(scene, "1-3", token=f"attempt-{number}", **settings))
    farm.work(json.dumps(body | {"attempt": number, "chunk_id": "1-000000"}))


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "OPEN_EXR"])
def test_a_frame_of_one_colour_is_stored_only_when_a_second_attempt_agrees(
    farm: Farm, hidden: Path, format_: str
) -> None:
    attempt(farm, hidden, 0, format=format_)
    error, cause = farm.answers.failed["attempt-0"]
    assert (error, cause.partition(":")[0]) == ("FrameInvalid", "Frame 2 is not fit to be stored")
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

    def note(blender: Blender, frame: int, path: Path, *, run: range) -> Rendered:
        rendered = render(blender, frame, path, run=run)
        found[frame].append(rendered.process)
        return rendered

    monkeypatch.setattr(Blender, "render", note)
    return found


def test_another_process_of_blender_renders_what_was_doubted(
    farm: Farm, hidden: Path, processes: dict[int, list[str]]
) -> None:
    """There may be no other worker: then at least nothing is left of the process whose frame was doubted."""
    farm.work(farm.message(hidden, "2", token="first"), farm.message(hidden, "2", token="second"))
    assert (farm.answers.failed["first"][0], list(farm.answers.succeeded)) == ("FrameInvalid", ["second"])
    assert len(set(processes[2])) == len(processes[2]) == 2


def test_another_process_renders_what_was_doubted_though_another_error_ended_the_chunk(
    farm: Farm, tmp_path: Path, processes: dict[int, list[str]]
) -> None:
    scene = make_scene(tmp_path / "cut.blend", hidden=[2], script=NO_CAMERA_AT_3)
    messages = [farm.message(scene, "2-3", token=token, trust_scripts=True) for token in ("first", "second")]
    farm.work(*messages)
    assert [farm.answers.failed[token][0] for token in ("first", "second")] == ["RenderCrashed", "RenderCrashed"]
    assert len(set(processes[2])) == len(processes[2]) == 2


def test_a_process_that_renders_a_flat_frame_again_and_again_is_never_believed(
    blender: Blender, hidden: Path, tmp_path: Path
) -> None:
    doubts = Doubts(store=MemoryStore(), bucket="logs", worker="worker-1")
    body = ChunkMessage.model_validate_json(Farm(tmp_path).message(hidden, "2"))

    def settle(attempt: int) -> None:
        blender.open(hidden, body.settings, name="hidden")
        rendered = blender.render(2, tmp_path / "2.png")
        assert rendered.flat is not None
        doubts.settle(body.model_copy(update={"attempt": attempt}), 2, rendered.flat, process=rendered.process)

    for number in (0, 1, 2):
        with pytest.raises(FrameInvalid, match="another Blender"):
            settle(number)
    blender.close()
    settle(3)


def test_a_scene_that_is_of_one_colour_throughout_costs_one_more_attempt(farm: Farm, empty: Path) -> None:
    attempt(farm, empty, 0)
    assert (farm.answers.failed["attempt-0"][0], farm.frames()) == ("FrameInvalid", [])
    attempt(farm, empty, 1)
    assert farm.answers.succeeded["attempt-1"]["rendered"] == 3


def test_an_openexr_is_checked_while_the_next_frame_renders_and_before_its_chunk_is_answered(
    farm: Farm, hidden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render, check, begun, checked = Blender.render, exr_pixels.check_pixels, threading.Event(), []

    def note(blender: Blender, frame: int, path: Path, *, run: range) -> Rendered:
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


def test_pixels_that_are_no_numbers_are_counted_and_their_frame_is_never_stored(farm: Farm, broken: Path) -> None:
    for number in (0, 1, 2):
        attempt(farm, broken, number, format="OPEN_EXR")
        error, cause = farm.answers.failed[f"attempt-{number}"]
        assert error == "FrameInvalid"
        assert cause.startswith("Frame 2 is not fit to be stored: of its 2304 pixels some are NaN or infinite (R ")
    assert farm.frames() == ["000001.exr", "000003.exr"]
    assert farm.store.get("frames", PREFIX + "000002.exr") is None
