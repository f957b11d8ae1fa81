"""Files that a scene refers to and that are missing or damaged."""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from tests.conformance.toolbox import ROOT
from tests.missing_image_scenes import TEXTURE, USES
from tests.scenes import make_scene
from tests.worker_farm import WorkerFarm


def test_a_missing_texture_fails_the_chunk_by_its_path(farm: WorkerFarm, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "bare.blend", missing_image="//textures/wood.png")
    farm.work(farm.message(scene, "1"))
    error, cause = farm.answers.failed["token"]
    assert (error, farm.frames()) == ("MissingAssets", [])
    assert "//textures/wood.png" in cause


def test_blender_and_prepare_job_agree_which_missing_images_a_frame_shows(tmp_path: Path) -> None:
    recipes = enumerate(TEXTURE + also for also, _ in USES.values())
    scenes = [make_scene(tmp_path / f"{number}.blend", also=also) for number, also in recipes]
    code = (
        "import bpy, json, sys\n"
        "from worker.blender_process.missing_files import missing_files\n"
        "def missing(path):\n"
        "    bpy.ops.wm.open_mainfile(filepath=path, load_ui=False)\n"
        "    return missing_files()\n"
        "print('answer', json.dumps([missing(path) for path in sys.argv[1:]]))\n"
    )
    command = [sys.executable, "-c", code, *map(str, scenes)]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120).stdout
    [answer] = [line.removeprefix("answer ") for line in output.splitlines() if line.startswith("answer ")]
    for (use, (_, unseen)), missing in zip(USES.items(), json.loads(answer), strict=True):
        assert (use, missing) == (use, [] if unseen else ["//lost.png"])


def test_names_of_missing_files_let_a_job_render_without_these_alone(farm: WorkerFarm, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "bare.blend", missing_image="//textures/wood.png")
    refused, allowed = (json.loads(farm.message(scene, "1", token=token)) for token in ("refused", "allowed"))
    refused["scene"]["missing_assets"], allowed["scene"]["missing_assets"] = ["stone.png"], ["//textures/*.png"]
    farm.work(json.dumps(allowed), json.dumps(refused))
    assert (list(farm.answers.succeeded), farm.answers.failed["refused"][0]) == (["allowed"], "MissingAssets")


def test_missing_assets_render_lets_a_job_render_without_them(farm: WorkerFarm, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "bare.blend", missing_image="//textures/wood.png")
    refused = json.loads(farm.message(scene, "1", token="refused"))
    allowed = json.loads(farm.message(scene, "1", token="allowed"))
    allowed["scene"]["missing_assets"] = "render"
    farm.work(json.dumps(allowed), json.dumps(refused))
    assert (list(farm.answers.succeeded), farm.frames()) == (["allowed"], ["000001.png"])
    # The scene is open already, but the next job has another setting.
    assert farm.answers.failed["refused"][0] == "MissingAssets"


def _halved(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _swapped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(255 - byte for byte in data[middle : middle + 9]) + data[middle + 9 :]


@pytest.mark.parametrize(
    ("name", "damages"), [("wood.png", (_halved, _swapped, lambda _: b"wood")), ("wood.tif", (lambda _: b"II*",))]
)
def test_a_damaged_texture_fails_the_chunk_by_its_path(
    farm: WorkerFarm, tmp_path: Path, name: str, damages: Sequence[Callable[[bytes], bytes]]
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

    whole = picture.getvalue()
    broken = [damage(whole) for damage in damages]
    refused = [message(data, f"broken-{number}") for number, data in enumerate(broken)]
    farm.work(message(whole, "whole"), *refused, message(broken[0], "any", missing_assets="render"))
    assert len(farm.answers.failed) == len(damages)
    for error, cause in farm.answers.failed.values():
        assert (error, f"//{name} (damaged)" in cause) == ("MissingAssets", True)
    assert sorted(farm.answers.succeeded) == ["any", "whole"]
