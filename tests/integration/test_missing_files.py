"""Files that a scene refers to and that are missing or damaged."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from tests.scenes import make_scene
from tests.worker_farm import WorkerFarm


def test_a_missing_texture_fails_the_chunk_by_its_path(farm: WorkerFarm, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "bare.blend", missing_image="//textures/wood.png")
    farm.work(farm.message(scene, "1"))
    error, cause = farm.answers.failed["token"]
    assert (error, farm.frames()) == ("MissingAssets", [])
    assert "//textures/wood.png" in cause


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
