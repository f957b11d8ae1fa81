"""Opens .zip archives of unknown origin: with damaged data, `zipfile` raises many kinds of errors."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class BadArchiveError(Exception):
    """The archive is damaged, encrypted, or compressed in a way that Python cannot read."""


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Yield the archive at `path`.

    Raises:
        BadArchiveError: it cannot be opened, or reading from it within the block failed.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise BadArchiveError(str(error)) from error
