"""When a Blender that has grown goes, and another one comes: between two chunks, where it costs no frame.

Blender, an add-on or a script that a job trusts may leak. What a scene takes is what Blender holds after its first
chunk of it: loaded, with frames rendered. What comes on top from chunk to chunk goes with the process alone.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from frameloom.services.system.memory import MEBIBYTE, Memory
from worker.memory import is_short, reserve

# Scenes whose first size is remembered: more than a worker keeps on its disk.
_SCENES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterChunk:
    """What there is to see after a chunk: bytes that the process `pid` holds, with `scene` open.

    `tightest` is when its container had the least memory left meanwhile, None where it has no limit.
    """

    pid: int
    scene: Hashable
    held: int
    tightest: Memory | None


class Growth:
    """Compares what a Blender holds after each chunk with what it held after its first one of the same scene.

    Args:
        allowed: bytes that it may grow by; half of what it held is allowed in any case.
    """

    def __init__(self, *, allowed: int) -> None:
        self._allowed = allowed
        self._first: dict[Hashable, int] = {}
        # Of which scenes this process has had its first chunk, and what it held after its last chunk of any.
        self._pid, self._seen, self._last = -1, set[Hashable](), 0

    def reason(self, now: AfterChunk) -> str | None:
        """Return why Blender should go before the next chunk, None where it may stay; asked once after each chunk."""
        if now.pid != self._pid:
            self._pid, self._seen, self._last = now.pid, set(), now.held
        self._note(now.scene, now.held)
        first = self._first[now.scene]
        grown, lately, self._last = now.held - first, now.held - self._last, now.held
        if grown > max(self._allowed, first // 2):
            return f"it holds {_mib(now.held)}, {_mib(grown)} more than after its first chunk"
        if now.tightest is not None and _runs_out(now.tightest, grown=grown, lately=lately):
            return f"it grew by {_mib(grown)}, and {now.tightest} were in use"
        return None

    def _note(self, scene: Hashable, held: int) -> None:
        if scene in self._seen:
            return
        self._seen.add(scene)
        # What a new Blender takes as well is no leak: frames differ, and a new one each time would help nobody.
        self._first[scene] = max(held, self._first.pop(scene, 0))
        if len(self._first) > _SCENES:
            oldest = next(iter(self._first))
            del self._first[oldest]
            self._seen.discard(oldest)


def _runs_out(tightest: Memory, *, grown: int, lately: int) -> bool:
    """Say whether a chunk like the last one would use up the container, and a new Blender would give back enough."""
    then = Memory(limit=tightest.limit, used=tightest.used + max(0, lately))
    return is_short(then) and grown >= reserve(tightest)


def _mib(size: int) -> str:
    return f"{size // MEBIBYTE:,} MiB"
