"""The memory that Blender may not use, so that the supervisor can end Blender before the kernel ends the container.

The kernel kills a container that uses up its memory as a whole, worker and Blender, and the job never learns why.
"""

import contextlib

from frameloom.services.system.memory import MEBIBYTE, PROC, Memory

# The least and the most that stays free for the worker and for memory that Blender allocates between two checks.
_LEAST, _MOST = 128 * MEBIBYTE, 1024 * MEBIBYTE


def reserve(memory: Memory) -> int:
    """Return the bytes that must stay free: a twentieth of the limit, within bounds."""
    return min(_MOST, max(_LEAST, memory.limit // 20))


def is_short(memory: Memory) -> bool:
    """Return whether Blender must be ended."""
    return memory.left < reserve(memory)


def is_scarce(memory: Memory) -> bool:
    """Return whether memory may soon be short, so that it must be checked more often."""
    return memory.left < 4 * reserve(memory)


def be_killed_first() -> None:
    """Make the kernel kill this process before all others when memory runs out."""
    with contextlib.suppress(OSError):
        (PROC / "self" / "oom_score_adj").write_text("1000", encoding="ascii")
