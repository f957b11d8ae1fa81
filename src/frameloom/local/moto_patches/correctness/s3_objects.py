"""Objects that lie on disk, as many as there are."""

import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from moto.s3 import models

from frameloom.local.moto_patches.patch import replace

# Up to this size, in bytes, an object costs less in memory than as a file.
_SMALL = 65_536


def apply() -> None:
    """Mend where objects are kept."""
    replace(models, "tempfile", _closes_its_files)


def _closes_its_files(_original: Any) -> Any:
    """Fact: objects up to 5 MB are kept in memory, larger ones in a file each that stays open.

    Either is the end of a job of many frames: of the memory, or of the descriptors that a process may have.
    """
    return SimpleNamespace(SpooledTemporaryFile=_Content)


class _Content:
    """An object's bytes, with as much of a file's interface as moto uses; on disk, it is open only while it is used."""

    def __init__(self, _largest_in_memory: int) -> None:
        self._content: bytes | Path = b""
        self._position = 0

    def seek(self, position: int) -> None:
        """Have the next call begin at `position`."""
        self._position = position

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes, or all that are left."""
        if isinstance(self._content, Path):
            with self._content.open("rb") as file:
                file.seek(self._position)
                found = file.read(size)
        else:
            found = self._content[self._position :] if size < 0 else self._content[self._position :][:size]
        self._position += len(found)
        return found

    def truncate(self) -> None:
        """Leave nothing: moto has gone to the beginning before."""
        self.close()

    def write(self, content: bytes) -> None:
        """Keep `content`, which is all that moto ever writes."""
        self.close()
        self._content = bytes(content)
        self._position = len(content)
        if len(content) > _SMALL:
            descriptor, name = tempfile.mkstemp(prefix="object-")
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            self._content = Path(name)

    def close(self) -> None:
        """Forget the bytes."""
        if isinstance(self._content, Path):
            self._content.unlink(missing_ok=True)
        self._content = b""
