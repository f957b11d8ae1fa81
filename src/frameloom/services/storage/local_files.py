"""A local disk with the interface of a bucket: the scene reader finds a scene's external files on it."""

import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from frameloom.services.storage.media_files import is_media
from frameloom.services.storage.ports import StoredObject

# Levels of folders that are listed: Blender's caches are not deeper, and a listing of a whole disk takes too long.
_DEEPEST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The files around a scene on a local disk, by the keys that they get in the scenes bucket.

    So the same search gives the same result on a disk and, after an upload, in a bucket.

    Attributes:
        scene: the scene's path, absolute and without `..`. Symbolic links are not resolved, as in Blender.
        file: the scene's key, which need not exist yet.
        root: the folder of the bucket for files with absolute paths; None without such files.
        guarded: whether files outside the scene's folder count only if they are media. Otherwise a scene from elsewhere
            could upload any file that its artist may read, such as a private key, as an image.
        withheld: the paths of the files that did not count, in the order of the search.
    """

    scene: Path
    file: str
    root: str | None = None
    guarded: bool = True
    withheld: dict[Path, None] = field(default_factory=dict)

    @classmethod
    def of(cls, scene: Path, file: str, *, root: str | None = None, guarded: bool = True) -> "Disk":
        """Return the disk of a scene."""
        return cls(scene=Path(os.path.normpath(scene.absolute())), file=file, root=root, guarded=guarded)

    def path(self, key: str) -> Path:
        """Return the path of a key's file."""
        if self.root is not None and key.startswith(f"{self.root}/") and not self._is_near(key):
            drive, _, rest = key.removeprefix(f"{self.root}/").partition("/")
            return Path(f"{drive}:\\", rest) if os.name == "nt" else Path("/", drive, rest)
        steps = posixpath.relpath(f"/{key}", posixpath.dirname(f"/{self.file}"))
        return Path(os.path.normpath(self.scene.parent / steps))

    def is_outside(self, path: Path) -> bool:
        """Return whether a file is outside the scene's folder, after all symbolic links are resolved."""
        return not path.resolve().is_relative_to(self.scene.parent.resolve())

    def head(self, _bucket: str, key: str) -> StoredObject | None:
        """Return a file without its bytes; None if it does not exist or is withheld."""
        path = self.path(key)
        try:
            if not path.is_file():
                return None
            if self.guarded and self.is_outside(path) and not is_media(path.resolve()):
                self.withheld[path] = None
                return None
            return StoredObject(key=key, size=path.stat().st_size)
        except (OSError, ValueError):
            return None

    def list(self, _bucket: str, prefix: str) -> Iterator[StoredObject]:
        """Yield the files whose keys start with `prefix`, down to two folders below the folder of `prefix`."""
        folder, slash, name = prefix.rpartition("/")
        yield from self._below(folder + slash, name, _DEEPEST)

    def _below(self, folder: str, name: str, levels: int) -> Iterator[StoredObject]:
        try:
            names = sorted(path.name for path in self.path(folder).iterdir())
        except OSError:
            return
        for key in (folder + each for each in names if each.startswith(name)):
            if (found := self.head("", key)) is not None:
                yield found
            elif levels:
                yield from self._below(f"{key}/", "", levels - 1)

    def download(self, _bucket: str, key: str, path: Path, *, version: str | None = None) -> None:
        """Make `path` a symbolic link to a file."""
        del version
        path.symlink_to(self.path(key))

    def _is_near(self, key: str) -> bool:
        """Return whether a relative path leads from the scene to a key: always on Linux, and to the same drive."""
        if not self.file.startswith(f"{self.root}/"):
            return False
        start = len(self.root or "") + 1
        return os.name != "nt" or key[start:].partition("/")[0] == self.file[start:].partition("/")[0]
