"""How much memory a worker may use, and the end of a Blender that would take it all.

A container that uses up its memory is killed by the kernel as a whole: the worker with its Blender, three times over,
and nobody says why. So Blender is ended a little earlier, while there is somebody left to tell of it.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CGROUPS, PROC = Path("/sys/fs/cgroup"), Path("/proc")
MEBIBYTE = 2**20
# What is left to the worker itself, and to what Blender takes between two looks: a twentieth, within these bounds.
_LEAST, _MOST = 128 * MEBIBYTE, 1024 * MEBIBYTE
# cgroup v1's word for no limit is a number that no machine has.
_NO_LIMIT = 2**60


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes that a container may use and uses; what the kernel would drop before it kills is not counted."""

    limit: int
    used: int

    @property
    def left(self) -> int:
        """Return the bytes that are not used."""
        return self.limit - self.used

    @property
    def short(self) -> bool:
        """Return whether it is about to run out."""
        return self.left < self.reserve

    @property
    def scarce(self) -> bool:
        """Return whether it may be about to run out before long."""
        return self.left < 4 * self.reserve

    @property
    def reserve(self) -> int:
        """Return the bytes that are to stay free."""
        return min(_MOST, max(_LEAST, self.limit // 20))

    def __str__(self) -> str:
        """Return both in MiB."""
        return f"{self.used // MEBIBYTE:,} MiB of {self.limit // MEBIBYTE:,} MiB"


def memory(cgroups: Path = CGROUPS, proc: Path = PROC) -> Memory | None:
    """Return the memory of this process's container, None where it has no limit: then the kernel chooses who goes.

    Sources: cgroup v2's memory.max, memory.current and memory.stat; v1's memory.limit_in_bytes,
    memory.usage_in_bytes and memory.stat.
    """
    return min(_of_cgroups(cgroups, proc), key=lambda each: each.left, default=None)


def held_by(pid: int, proc: Path = PROC) -> int | None:
    """Return the bytes that a process holds for itself, swapped out or not; None where nobody says.

    Pages of files are not among them: the kernel drops those that it wants. Source: proc_pid_status(5).
    """
    try:
        lines = (proc / str(pid) / "status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    if "RssAnon" not in facts:
        # One that has ended and is not buried yet.
        return None
    return sum(int(facts.get(name, "0 kB").split()[0]) for name in ("RssAnon", "VmSwap")) * 1024


def go_first() -> None:
    """Have the kernel end this process before all others, should it have to end one."""
    with contextlib.suppress(OSError):
        (PROC / "self" / "oom_score_adj").write_text("1000", encoding="ascii")


def _of_cgroups(cgroups: Path, proc: Path) -> Iterator[Memory]:
    """Yield the memory of the process's cgroup and of each above it, as far as they are seen from here."""
    try:
        lines = (proc / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for number, controllers, path in (line.split(":", 2) for line in lines):
        if number == "0" and not controllers:
            yield from _above(cgroups, path, "memory.max", "memory.current", ("inactive_file", "active_file"))
        elif "memory" in controllers.split(","):
            droppable = ("total_inactive_file", "total_active_file")
            yield from _above(cgroups / "memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes", droppable)


def _above(root: Path, path: str, limit: str, usage: str, droppable: tuple[str, ...]) -> Iterator[Memory]:
    # All pages of files, those read twice too: a scene that was fetched and opened is no reason to end its Blender.
    inner = root / path.lstrip("/")
    for folder in (inner, *inner.parents):
        with contextlib.suppress(OSError, ValueError):
            # "max" is no number either.
            most = int((folder / limit).read_text(encoding="ascii"))
            if most < _NO_LIMIT:
                used = int((folder / usage).read_text(encoding="ascii"))
                stat = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
                yield Memory(limit=most, used=used - sum(int(stat.get(name, 0)) for name in droppable))
        if folder == root:
            return
