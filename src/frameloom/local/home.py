"""The folder that Frameloom keeps between its commands: nobody but its user may read or write in it.

What lies there is trusted: a farm's address and key, and what a farm has parsed, which the next one loads.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

from frameloom.model.errors import FarmUnavailable


def home() -> Path:
    """Return the folder; it need not exist yet, and may be another user's: see `private_home`."""
    if given := os.environ.get("FRAMELOOM_HOME"):
        return Path(given)
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "frameloom"


def private_home() -> Path:
    """Return the folder, absolute, which exists and is this user's alone.

    Raises:
        FarmUnavailable: it is another user's, or cannot be made.
    """
    return private(home().absolute())


def private(folder: Path) -> Path:
    """Make a folder, or take one that exists from all others who could read it, and return it.

    Raises:
        FarmUnavailable: it is another user's, or cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not is_ours(folder):
            raise FarmUnavailable(problem=f"{folder} belongs to another user: name a folder of yours.")
        if stat.S_IMODE(folder.stat().st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise FarmUnavailable(problem=f"{folder} cannot be used: {error.strerror}.") from None
    return folder


def is_ours(path: Path) -> bool:
    """Return whether a file or a folder is there and this user's; a link that another user has put there is not."""
    with suppress(OSError):
        return path.lstat().st_uid == path.stat().st_uid == os.geteuid()
    return False


def cache_folder() -> Path | None:
    """Return a folder for what can be worked out again; None where there is none that nobody else can write in."""
    with suppress(FarmUnavailable):
        return private(private_home() / "cache")
    return None


def write_whole(file: Path, content: str | bytes) -> None:
    """Write a file so that whoever reads it finds all of the content, or what was there before; for its user alone."""
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    # Of a process of the same number that was killed.
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
        written.write(content.encode() if isinstance(content, str) else content)
    unfinished.replace(file)
