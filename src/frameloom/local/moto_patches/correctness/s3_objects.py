"""Objects whose content is on disk, any number of them."""

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
    """Patch where the content of objects is stored."""
    replace(models, "tempfile", _store_in_closed_files)


def _store_in_closed_files(_original: Any) -> Any:
    """Store an object in memory if it is small, else in a file that is open only while it is used.

    moto: objects up to 5 MB stay in memory, and each larger one in a file that stays open. A job of many frames runs
    out of memory, or of file descriptors.
    """
    return SimpleNamespace(SpooledTemporaryFile=_Content)


class _Content:
    """An object's bytes, with the part of a file's interface that moto uses."""

    def __init__(self, _largest_in_memory: int) -> None:
        self._content: bytes | Path = b""
        self._position = 0

    def seek(self, position: int) -> None:
        """Set the position at which the next call begins."""
        self._position = position

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes, or all bytes after the position."""
        if isinstance(self._content, Path):
            with self._content.open("rb") as file:
                file.seek(self._position)
                found = file.read(size)
        else:
            found = self._content[self._position :] if size < 0 else self._content[self._position :][:size]
        self._position += len(found)
        return found

    def truncate(self) -> None:
        """Remove the content: moto calls this only at position 0."""
        self.close()

    def write(self, content: bytes) -> None:
        """Store `content`: moto writes the whole content in one call."""
        self.close()
        self._content = bytes(content)
        self._position = len(content)
        if len(content) > _SMALL:
            descriptor, name = tempfile.mkstemp(prefix="object-")
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            self._content = Path(name)

    def close(self) -> None:
        """Remove the content, also from disk."""
        if isinstance(self._content, Path):
            self._content.unlink(missing_ok=True)
        self._content = b""
