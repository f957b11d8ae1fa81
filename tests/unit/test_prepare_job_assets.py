"""PrepareJob with scenes that refer to other files."""

from pathlib import Path
from typing import Any

import pytest

from frameloom.model.errors import InvalidRequest, MissingAssets
from frameloom.services.storage import job_documents
from tests.jobs import BUCKETS
from tests.scenes import make_scene
from tests.unit.blends import with_library
from tests.unit.preparation import KEY, Farm


@pytest.fixture
def textured(tmp_path: Path) -> Farm:
    """A store with a scene whose texture is missing."""
    return Farm(make_scene(tmp_path / "textured.blend", missing_image="//textures/wood.png").read_bytes())


def test_a_scene_with_a_missing_texture_is_refused_with_its_name(textured: Farm) -> None:
    with pytest.raises(
        MissingAssets, match=r"'film/shot\.blend' refers to files that are missing: //textures/wood\.png\. "
    ):
        textured.prepare({"file": KEY})
    assert textured.wrote_nothing()


def test_a_scene_renders_without_its_texture_if_the_request_allows_it(textured: Farm) -> None:
    textured.prepare({"file": KEY, "missing_assets": "render"})
    assert textured.job().scene.assets is None


@pytest.mark.parametrize(
    "path", ["/host/set.blend", "//../../set.blend"], ids=["by an absolute path", "above the bucket"]
)
def test_a_library_outside_the_bucket_is_refused_even_with_missing_assets_render(tmp_path: Path, path: str) -> None:
    """Blender reads a library while it opens the scene, before the worker can prevent it."""
    library = make_scene(tmp_path / "set.blend")
    farm = Farm(with_library(make_scene(tmp_path / "shot.blend", camera=False, library=library), path).read_bytes())
    with pytest.raises(MissingAssets):
        farm.prepare({"file": KEY})
    with pytest.raises(InvalidRequest, match=f"missing_assets: 'render' cannot leave out {path}, which Blender would"):
        farm.prepare({"file": KEY, "missing_assets": "render"})
    farm.prepare({"file": KEY, "missing_assets": "render", "trust_scripts": "true"})


def test_the_version_of_a_texture_is_part_of_the_job(textured: Farm) -> None:
    textured.store.put(BUCKETS.scenes, "film/textures/wood.png", b"wood")
    state = textured.prepare({"file": KEY})
    assert state["scene"]["assets"] == {"bucket": "logs", "key": "jobs/shot-1/assets.json"}
    (asset,) = job_documents.read(textured.store, BUCKETS.logs, "jobs/shot-1/assets.json")
    assert (asset["key"], asset["version"], asset["size"]) == ("film/textures/wood.png", "v1", 4)


def test_an_edited_texture_never_reuses_old_frames_and_an_equal_one_does(textured: Farm) -> None:
    def prefix(texture: bytes) -> str:
        textured.store.put(BUCKETS.scenes, "film/textures/wood.png", texture)
        return str(textured.prepare({"file": KEY})["output"]["prefix"])

    without = textured.prepare({"file": KEY, "missing_assets": "render"})["output"]["prefix"]
    wood, stone, wood_again = prefix(b"wood"), prefix(b"stone"), prefix(b"wood")
    assert len({without, wood, stone}) == 3
    assert wood_again == wood


def test_a_film_that_would_replace_an_asset_is_refused_unless_it_has_another_name(
    tmp_path: Path,
) -> None:
    farm = Farm(make_scene(tmp_path / "shot.blend", missing_image="//shot.mp4").read_bytes())
    farm.store.put(BUCKETS.scenes, "film/shot.mp4", b"footage")
    refused: list[dict[str, Any]] = [{}, {"output": "video"}, {"missing_assets": "render"}]
    taken: list[dict[str, Any]] = [{"film": "night"}, {"output": "frames"}, {"video": {"codec": "prores"}}]
    for fields in refused:
        with pytest.raises(InvalidRequest, match=r"film: the film would replace 'film/shot\.mp4', which the scene"):
            farm.prepare({"file": KEY, **fields})
    assert farm.wrote_nothing()
    for number, fields in enumerate(taken):
        farm.prepare({"file": KEY, **fields}, job_id=f"shot-{number}")
    assert farm.job("shot-0").film == "night"


def test_a_film_that_would_replace_an_asset_of_a_library_is_refused(tmp_path: Path) -> None:
    library = make_scene(tmp_path / "set.blend", missing_image="//../film/shot.mp4")
    scene = make_scene(tmp_path / "shot.blend", camera=False, library=library, library_path="//../sets/set.blend")
    farm = Farm(scene.read_bytes())
    farm.store.put(BUCKETS.scenes, "sets/set.blend", library.read_bytes())
    farm.store.put(BUCKETS.scenes, "film/shot.mp4", b"footage")
    with pytest.raises(InvalidRequest, match="film"):
        farm.prepare({"file": KEY})


def test_a_scene_moved_with_its_assets_keeps_its_render_key(textured: Farm) -> None:
    textured.store.put(BUCKETS.scenes, "film/textures/wood.png", b"wood")
    textured.store.put(BUCKETS.scenes, "archive/2026/textures/wood.png", b"wood")
    textured.store.put(BUCKETS.scenes, "archive/2026/shot.blend", textured.store.get(BUCKETS.scenes, KEY) or b"")
    here, there = (textured.prepare({"file": file}) for file in (KEY, "archive/2026/shot.blend"))
    assert here["output"]["prefix"].removeprefix("film/") == there["output"]["prefix"].removeprefix("archive/2026/")
