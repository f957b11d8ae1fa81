"""A disk as the place where a scene's outside files are looked for, in place of a bucket."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from frameloom.services.storage.ports import StoredObject

# Folders in a folder that are looked into: no cache of Blender's goes deeper, and the whole disk is no cache.
_DEEPEST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """All files below `root`, each under the key that is its path from there; there are no buckets."""

    root: Path

    @classmethod
    def of(cls, file: Path) -> "Disk":
        """Return the whole disk that a file lies on."""
        return cls(root=Path(file.absolute().anchor))

    def key(self, file: Path) -> str:
        """Return a file's key; links on the way to it stay what they are, as for Blender."""
        return Path(os.path.normpath(file.absolute())).relative_to(self.root).as_posix()

    def path(self, key: str) -> Path:
        """Return where a key's file lies."""
        return self.root / key

    def head(self, _bucket: str, key: str) -> StoredObject | None:
        """Return a file without its bytes, None where there is no such file."""
        path = self.path(key)
        try:
            return StoredObject(key=key, size=path.stat().st_size) if path.is_file() else None
        except OSError:
            return None

    def list(self, _bucket: str, prefix: str) -> Iterator[StoredObject]:
        """Yield the files whose keys begin with `prefix`: of its own folder, and where it ends as a folder, below."""
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
        """Make `path` a link to a file."""
        del version
        path.symlink_to(self.path(key))
