"""The folder that Frameloom keeps between commands; only its user may read or write it.

Its contents are trusted: a running farm's address and key, and the caches of template and definitions.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

from frameloom.model.errors import FarmUnavailable
from frameloom.services.storage.atomic_write import whole_file


def home() -> Path:
    """Return the folder's path; it may not exist yet, or belong to another user: see `private_home`."""
    if given := os.environ.get("FRAMELOOM_HOME"):
        return Path(given)
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "frameloom"


def private_home() -> Path:
    """Return the folder as an absolute path, after creating it with mode 0700.

    Raises:
        FarmUnavailable: it belongs to another user, or cannot be created.
    """
    return private(home().absolute())


def private(folder: Path) -> Path:
    """Create a folder with mode 0700, or set that mode on an existing one, and return it.

    Raises:
        FarmUnavailable: it belongs to another user, or cannot be created.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not is_ours(folder):
            raise FarmUnavailable(problem=f"{folder} belongs to another user: set FRAMELOOM_HOME to a folder of yours.")
        if stat.S_IMODE(folder.stat().st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise FarmUnavailable(problem=f"{folder} cannot be used: {error.strerror}.") from None
    return folder


def is_ours(path: Path) -> bool:
    """Return whether a path exists and belongs to this user, itself and, for a symlink, its target."""
    with suppress(OSError):
        return path.lstat().st_uid == path.stat().st_uid == os.geteuid()
    return False


def cache_folder() -> Path | None:
    """Return the cache's folder; None if there is no folder that only this user can write."""
    with suppress(FarmUnavailable):
        return private(private_home() / "cache")
    return None


def write_whole(file: Path, content: str | bytes) -> None:
    """Write a file atomically, with mode 0600."""
    with (
        whole_file(file) as unfinished,
        os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written,
    ):
        written.write(content.encode() if isinstance(content, str) else content)
