"""A local disk with the interface of a bucket: the scene reader finds a scene's external files on it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from frameloom.services.storage.ports import StoredObject

# Levels of folders that are listed: Blender's caches are not deeper, and a listing of a whole disk takes too long.
_DEEPEST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The files below `root`. A file's key is its path from there; the bucket is ignored."""

    root: Path

    @classmethod
    def of(cls, file: Path) -> "Disk":
        """Return the whole disk of a file."""
        return cls(root=Path(file.absolute().anchor))

    def key(self, file: Path) -> str:
        """Return a file's key. Symbolic links are not resolved, as in Blender."""
        return Path(os.path.normpath(file.absolute())).relative_to(self.root).as_posix()

    def path(self, key: str) -> Path:
        """Return the path of a key's file."""
        return self.root / key

    def head(self, _bucket: str, key: str) -> StoredObject | None:
        """Return a file without its bytes; None if it does not exist."""
        path = self.path(key)
        try:
            return StoredObject(key=key, size=path.stat().st_size) if path.is_file() else None
        except OSError:
            return None

    def list(self, _bucket: str, prefix: str) -> Iterator[StoredObject]:
        """Yield the files in the folder of `prefix` whose keys start with it; if it is a folder, also those below."""
        folder, slash, name = prefix.rpartition("/")
        yield from self._below(folder + slash, name, _DEEPEST if not name else 0)

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
