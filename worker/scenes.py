"""Scenes on the worker's disk, with the files that they refer to; each version is downloaded once."""

import hashlib
import os
import posixpath
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from frameloom.model.assets import Asset
from frameloom.model.errors import MissingAssets, SceneNotFound, SceneUnreadable
from frameloom.model.job import SceneRef
from frameloom.services.scene.blend_format import BadBlendError
from frameloom.services.scene.relink import relink
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Store

# Scenes that stay on the disk, since a worker alternates between jobs.
KEPT = 4
# Assets that are downloaded in parallel.
PARALLEL_DOWNLOADS = 8
_PART = ".part"


class SceneCache:
    """A folder of scenes, each in a folder of its own that is named by a digest of the scene and its assets."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = folder
        self._store = store

    def fetch(self, scene: SceneRef) -> Path:
        """Return the scene's path on disk; download the scene if it is not there yet.

        Raises:
            SceneNotFound: this version is no longer in its bucket.
            SceneUnreadable: the scene has changed since the job was prepared.
            MissingAssets: a file that the scene refers to is no longer in its bucket.
        """
        assets = self._assets(scene)
        # Scene and assets keep their keys as paths, so that relative paths between them work.
        name = scene.key if assets else "scene.blend"
        home = self._folder / _folder_name(scene, assets)
        if home.exists():
            os.utime(home)
            return home / name
        part = home.with_name(home.name + _PART)
        try:
            part.mkdir(parents=True)
            self._fetch_scene(scene, _inside(part, name))
            with ThreadPoolExecutor(max_workers=PARALLEL_DOWNLOADS, thread_name_prefix="assets") as pool:
                list(pool.map(lambda asset: self._fetch_asset(scene, asset, part), assets))
            _relink(part, scene, assets)
            part.replace(home)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        self._remove_oldest()
        return home / name

    def folder_of(self, path: Path) -> Path:
        """Return the folder of a downloaded scene, which holds all files that the scene may refer to."""
        return self._folder / path.relative_to(self._folder).parts[0]

    def absolute_folder(self, scene: SceneRef, path: Path) -> Path | None:
        """Return the folder of a downloaded scene's files with absolute paths; None if the scene has no such files."""
        return None if scene.absolute_root is None else self.folder_of(path) / scene.absolute_root

    def clear(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _assets(self, scene: SceneRef) -> list[Asset]:
        if scene.assets is None:
            return []
        found = job_documents.read(self._store, scene.assets.bucket, scene.assets.key)
        if found is None:
            raise MissingAssets(file=scene.key, assets=f"their list, {scene.assets.key}, which was deleted")
        return [Asset.model_validate(asset) for asset in found]

    def _fetch_scene(self, scene: SceneRef, path: Path) -> None:
        try:
            self._store.download(scene.bucket, scene.key, path, version=scene.version)
        except LookupError as error:
            raise SceneNotFound(bucket=scene.bucket, key=scene.key) from error
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != scene.digest:
            raise SceneUnreadable(file=scene.key, problem="it has changed since the job was prepared; start a new job")

    def _fetch_asset(self, scene: SceneRef, asset: Asset, folder: Path) -> None:
        try:
            self._store.download(scene.bucket, asset.key, _inside(folder, asset.key), version=asset.version)
        except LookupError as error:
            raise MissingAssets(file=scene.key, assets=asset.key) from error

    def _remove_oldest(self) -> None:
        homes = [path for path in self._folder.iterdir() if path.suffix != _PART]
        for path in sorted(homes, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
            shutil.rmtree(path)


def _folder_name(scene: SceneRef, assets: list[Asset]) -> str:
    """Return a name that is unique for the bytes of a scene and its assets."""
    if not assets:
        return scene.digest
    parts = [scene.digest, scene.key, *(asset.model_dump_json() for asset in assets)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _relink(folder: Path, scene: SceneRef, assets: list[Asset]) -> None:
    """Change the absolute paths of libraries in the downloaded files, since Blender opens libraries with the scene."""
    places = {link: asset.key for asset in assets for link in asset.links or ()}
    if not places:
        return
    for key in {scene.key, *(asset.key for asset in assets if asset.key.endswith(".blend"))}:
        home = posixpath.dirname(f"/{key}")
        links = {link: f"//{posixpath.relpath(f'/{place}', home)}" for link, place in places.items()}
        try:
            relink(_inside(folder, key), links)
        except BadBlendError as error:
            raise SceneUnreadable(file=key, problem=str(error)) from error


def _inside(folder: Path, key: str) -> Path:
    """Return a key's path below `folder`, and create its parent folder."""
    path = Path(os.path.normpath(folder / key))
    if not path.is_relative_to(folder):
        # PrepareJob lists no such key, so the list was changed.
        raise MissingAssets(file=key, assets="its path leads out of the bucket")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
