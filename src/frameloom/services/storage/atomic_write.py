"""Files that appear complete or not at all."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def partial_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; a file that is still there at the end is deleted.

    A file moves from there to `path` atomically, since a rename is atomic within one file system.
    """
    # A hash, since the name may already be as long as the file system allows.
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    partial = path.with_name(f".{digest}.{secrets.token_hex(4)}.part")
    try:
        yield partial
    finally:
        with suppress(OSError):
            partial.unlink()


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path; move its file to `path` at the end, or delete it after an error.

    A file at `path` stays until then.
    """
    with partial_file(path) as partial:
        yield partial
        partial.replace(path)


def place_new(source: Path, target: Path) -> bool:
    """Move a file to `target` atomically, unless `target` exists; return whether it was moved.

    The name `source` may remain.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    except OSError:
        # The file system has no links: take the name with an empty file first.
        try:
            with target.open("xb"):
                pass
        except FileExistsError:
            return False
        try:
            source.replace(target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
    return True
