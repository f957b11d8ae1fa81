"""Restarts a Blender whose memory has grown, between two chunks, where it costs no frame.

Blender, an add-on or a script that a job trusts can leak. A scene's own size is Blender's memory after its first
chunk of that scene: the scene is loaded and frames are rendered. Growth from chunk to chunk is only given back by a new
process.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from frameloom.services.system.memory import MEBIBYTE, Memory
from worker.memory import is_short, reserve

# Scenes whose first size is kept: more than a worker keeps on its disk.
_SCENES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryAfterChunk:
    """The memory of Blender after a chunk: the private bytes of the process `pid` that has `scene` open.

    `lowest` is the container's memory when it had the least left during the chunk, None if it has no limit.
    """

    pid: int
    scene: Hashable
    used: int
    lowest: Memory | None


class MemoryGrowth:
    """Compares Blender's memory after each chunk with its memory after its first chunk of the same scene.

    Args:
        allowed: bytes of growth that are allowed; growth by half of the first size always is.
    """

    def __init__(self, *, allowed: int) -> None:
        self._allowed = allowed
        self._first: dict[Hashable, int] = {}
        # The scenes that this process has had a chunk of, and its memory after its last chunk of any scene.
        self._pid, self._seen, self._last = -1, set[Hashable](), 0

    def restart_reason(self, now: MemoryAfterChunk) -> str | None:
        """Return why Blender should be restarted, None if it may go on; call this once after each chunk."""
        if now.pid != self._pid:
            self._pid, self._seen, self._last = now.pid, set(), now.used
        self._note(now.scene, now.used)
        first = self._first[now.scene]
        grown, lately, self._last = now.used - first, now.used - self._last, now.used
        if grown > max(self._allowed, first // 2):
            return f"it uses {_mib(now.used)}, {_mib(grown)} more than after its first chunk"
        if now.lowest is not None and _runs_out(now.lowest, grown=grown, lately=lately):
            return f"it grew by {_mib(grown)}, and {now.lowest} were in use"
        return None

    def _note(self, scene: Hashable, used: int) -> None:
        if scene in self._seen:
            return
        self._seen.add(scene)
        # A new process that uses as much shows that there is no leak: frames differ, and restarts would not help.
        self._first[scene] = max(used, self._first.pop(scene, 0))
        if len(self._first) > _SCENES:
            oldest = next(iter(self._first))
            del self._first[oldest]
            self._seen.discard(oldest)


def _runs_out(lowest: Memory, *, grown: int, lately: int) -> bool:
    """Return whether a chunk like the last one would use up the container, and a restart would free enough."""
    then = Memory(limit=lowest.limit, used=lowest.used + max(0, lately))
    return is_short(then) and grown >= reserve(lowest)


def _mib(size: int) -> str:
    return f"{size // MEBIBYTE:,} MiB"
