"""Where a running farm leaves word of itself for other commands: a file under FRAMELOOM_HOME."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self


def home() -> Path:
    """Return the folder of what Frameloom keeps between its commands; it need not exist yet."""
    if given := os.environ.get("FRAMELOOM_HOME"):
        return Path(given)
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "frameloom"


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmState:
    """A farm that runs in process `pid`: its stack's outputs, and the variables that a client of it needs.

    `workers` is how many it has or may come to have, None where that is not said.
    """

    pid: int
    endpoint: str
    outputs: Mapping[str, str]
    environment: Mapping[str, str]
    workers: int | None = None

    @classmethod
    def load(cls) -> Self | None:
        """Return the farm that runs, None where there is none, or only the word of one that is dead."""
        try:
            state = cls(**json.loads(_file().read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return state if _runs(state.pid) else None

    def save(self) -> None:
        """Leave word of this farm, over that of another."""
        file = _file()
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(asdict(self), indent=2))

    def remove(self) -> None:
        """Take this farm's word back; that of another stays."""
        try:
            is_ours = json.loads(_file().read_text(encoding="utf-8")).get("pid") == self.pid
        except (OSError, ValueError, AttributeError):
            return
        if is_ours:
            _file().unlink(missing_ok=True)


def write_whole(file: Path, content: str | bytes) -> None:
    """Write a file so that whoever reads it finds all of the content, or what was there before."""
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
    unfinished.replace(file)


def _file() -> Path:
    return home() / "farm.json"


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
