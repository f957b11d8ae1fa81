"""Scenes on the worker's disk: each version is fetched once."""

import hashlib
import os
import shutil
from pathlib import Path

from frameloom.model.errors import SceneNotFound, SceneUnreadable
from frameloom.model.job import SceneRef
from frameloom.services.ports import Store

# A worker goes from job to job; the last few scenes are worth their disk.
KEPT = 4


class SceneCache:
    """A folder of scenes, each named by the digest of its bytes."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = folder
        self._store = store

    def fetch(self, scene: SceneRef) -> Path:
        """Return the scene's path on disk, fetched where it is not there yet.

        Raises:
            SceneNotFound: this version is no longer in its bucket.
            SceneUnreadable: what came is not what the job was settled on.
        """
        path = self._folder / f"{scene.digest}.blend"
        if path.exists():
            os.utime(path)
            return path
        self._folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        try:
            self._store.download(scene.bucket, scene.key, part, version=scene.version)
            with part.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != scene.digest:
                raise SceneUnreadable(file=scene.key, problem="its bytes are not those that the job was settled on")
            part.replace(path)
        except LookupError as error:
            raise SceneNotFound(bucket=scene.bucket, key=scene.key) from error
        finally:
            part.unlink(missing_ok=True)
        self._forget_oldest()
        return path

    def clear(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _forget_oldest(self) -> None:
        newest = sorted(self._folder.glob("*.blend"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in newest[KEPT:]:
            path.unlink()
