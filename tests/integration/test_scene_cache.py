"""Scenes on a worker's disk, with their assets."""

import hashlib
import json
from pathlib import Path

import pytest

from frameloom.model.assets import AssetsRef
from frameloom.model.errors import MissingAssets, SceneNotFound, SceneUnreadable
from frameloom.model.job import SceneRef
from frameloom.testing import MemoryStore
from worker.scenes import KEPT, SceneCache

KEY, DATA = "film/shot.blend", b"a scene"


class Disk:
    """A cache on this disk, and the bucket that it is filled from."""

    def __init__(self, folder: Path) -> None:
        self.store, self.folder = MemoryStore(), folder / "scenes"
        self.store.put("scenes", KEY, DATA)
        self.cache = SceneCache(self.folder, self.store)

    def scene(self, *assets: str, job_id: str = "shot-1", versions: str = "v1") -> SceneRef:
        """Return the scene as a job that found these assets names it."""
        listed = [{"key": key, "version": versions, "etag": f"{key} {versions}", "size": 1} for key in assets]
        place = AssetsRef(bucket="logs", key=f"jobs/{job_id}/assets.json")
        self.store.put(place.bucket, place.key, json.dumps(listed).encode())
        return SceneRef(
            bucket="scenes", key=KEY, digest=hashlib.sha256(DATA).hexdigest(), assets=place if assets else None
        )

    def is_clean(self) -> bool:
        return not self.folder.exists() or not list(self.folder.iterdir())


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def test_a_scene_and_its_assets_have_the_same_paths_as_in_the_bucket(disk: Disk) -> None:
    disk.store.put("scenes", "film/textures/wood.png", b"wood")
    disk.store.put("scenes", "sets/set.blend", b"set")
    path = disk.cache.fetch(disk.scene("film/textures/wood.png", "sets/set.blend"))
    assert path.read_bytes() == DATA
    assert (path.parent / "textures/wood.png").read_bytes() == b"wood"
    assert (path.parent / "../sets/set.blend").read_bytes() == b"set"


def test_the_version_that_the_job_was_prepared_with_is_downloaded_even_if_it_is_not_the_newest(disk: Disk) -> None:
    disk.store.put("scenes", "film/wood.png", b"wood")
    disk.store.put("scenes", "film/wood.png", b"newer")
    assert (disk.cache.fetch(disk.scene("film/wood.png")).parent / "wood.png").read_bytes() == b"wood"
    newer = disk.cache.fetch(disk.scene("film/wood.png", versions="v2"))
    assert (newer.parent / "wood.png").read_bytes() == b"newer"


def test_jobs_with_the_same_scene_and_assets_share_one_download(disk: Disk) -> None:
    disk.store.put("scenes", "film/wood.png", b"wood")
    path = disk.cache.fetch(disk.scene("film/wood.png"))
    disk.store.delete("scenes", KEY)
    assert disk.cache.fetch(disk.scene("film/wood.png", job_id="shot-2")) == path
    with pytest.raises(SceneNotFound):
        disk.cache.fetch(disk.scene())


def test_a_deleted_asset_is_named_and_nothing_stays_on_the_disk(disk: Disk) -> None:
    with pytest.raises(MissingAssets, match=r"film/wood\.png"):
        disk.cache.fetch(disk.scene("film/wood.png"))
    assert disk.is_clean()


def test_a_deleted_list_of_assets_is_named(disk: Disk) -> None:
    scene = disk.scene("film/wood.png")
    disk.store.delete("logs", "jobs/shot-1/assets.json")
    with pytest.raises(MissingAssets, match=r"jobs/shot-1/assets\.json"):
        disk.cache.fetch(scene)


@pytest.mark.parametrize("key", ["../../outside.png", "/outside.png", "film/../../outside.png"])
def test_a_key_that_leads_out_of_the_bucket_is_never_written(disk: Disk, tmp_path: Path, key: str) -> None:
    disk.store.put("scenes", key, b"outside")
    with pytest.raises(MissingAssets, match="leads out"):
        disk.cache.fetch(disk.scene(key))
    assert disk.is_clean()
    assert not list(tmp_path.rglob("outside.png"))
    assert not Path("/outside.png").exists()


def test_a_scene_with_another_digest_stays_not_on_the_disk(disk: Disk) -> None:
    with pytest.raises(SceneUnreadable):
        disk.cache.fetch(SceneRef(bucket="scenes", key=KEY, digest="0" * 64))
    assert disk.is_clean()


def test_the_newest_scenes_are_kept_and_older_ones_are_removed(disk: Disk) -> None:
    paths = []
    for number in range(KEPT + 2):
        disk.store.put("scenes", f"film/{number}.png", b"wood")
        paths.append(disk.cache.fetch(disk.scene(f"film/{number}.png")))
    assert len(list(disk.folder.iterdir())) == KEPT
    assert paths[-1].exists()
    assert not paths[0].parent.exists()
