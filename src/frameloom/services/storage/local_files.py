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
        guarded: whether files outside the scene's folder, or hidden in it, count only if they are media. Otherwise a
            scene from elsewhere could upload any file that its artist may read, such as a private key, as an image.
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

    def is_beside(self, path: Path) -> bool:
        """Return whether a file belongs to the scene by its place: it is in the scene's folder, and not hidden there.

        A home folder or the root of a disk holds more than one scene's files, so it does not count as such a folder.
        """
        folder, file = self.scene.parent.resolve(), path.resolve()
        if not file.is_relative_to(folder) or folder in (Path(folder.anchor), _home()):
            return False
        return not any(part.startswith(".") for part in file.relative_to(folder).parts)

    def head(self, _bucket: str, key: str) -> StoredObject | None:
        """Return a file without its bytes; None if it does not exist or is withheld."""
        path = self.path(key)
        try:
            if not path.is_file():
                return None
            if self.guarded and not self.is_beside(path) and not is_media(path.resolve()):
                self.withheld[path] = None
                return None
            return StoredObject(key=key, size=path.stat().st_size)
        except (OSError, ValueError):
            return None

    def list(self, _bucket: str, prefix: str) -> Iterator[StoredObject]:
        """Yield the files whose keys start with `prefix`, down to two folders below the folder of `prefix`.

        Files that `head` withholds are listed too: most have names that the scene does not read.
        """
        folder, slash, name = prefix.rpartition("/")
        yield from self._below(folder + slash, name, _DEEPEST)

    def _below(self, folder: str, name: str, levels: int) -> Iterator[StoredObject]:
        try:
            names = sorted(path.name for path in self.path(folder).iterdir())
        except OSError:
            return
        for key in (folder + each for each in names if each.startswith(name)):
            try:
                is_file = self.path(key).is_file()
            except (OSError, ValueError):
                continue
            if is_file:
                yield StoredObject(key=key, size=0)
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


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except (OSError, RuntimeError):
        return None
