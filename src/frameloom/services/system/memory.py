"""The memory of this process's container, and of a process.

`None` means that the operating system has no figure: a container without a limit, or a system other than Linux.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CGROUPS, PROC = Path("/sys/fs/cgroup"), Path("/proc")
MEBIBYTE = 2**20
# cgroup v1 reports a missing limit as a number near 2**63.
_NO_LIMIT = 2**60


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The limit and the use of a container, in bytes; page cache that the kernel can drop is not counted as used."""

    limit: int
    used: int

    @property
    def left(self) -> int:
        """The unused bytes."""
        return self.limit - self.used

    def __str__(self) -> str:
        """Return both in MiB."""
        return f"{self.used // MEBIBYTE:,} MiB of {self.limit // MEBIBYTE:,} MiB"


def container_memory(cgroups: Path = CGROUPS, proc: Path = PROC) -> Memory | None:
    """Return the memory of this process's container; None if it has no limit.

    If several limits apply, return the one with the least memory left.

    Sources: cgroup v2's memory.max, memory.current and memory.stat; v1's memory.limit_in_bytes,
    memory.usage_in_bytes and memory.stat.
    """
    return min(_limits(cgroups, proc), key=lambda each: each.left, default=None)


def process_memory(pid: int, proc: Path = PROC) -> int | None:
    """Return the bytes of a process's private memory, in RAM and in swap; None if the process has ended.

    Pages of files are not counted, since the kernel can drop them. Source: proc_pid_status(5).
    """
    try:
        lines = (proc / str(pid) / "status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    if "RssAnon" not in facts:
        # A zombie.
        return None
    return sum(int(facts.get(name, "0 kB").split()[0]) for name in ("RssAnon", "VmSwap")) * 1024


def _limits(cgroups: Path, proc: Path) -> Iterator[Memory]:
    """Yield the memory of this process's cgroup and of each visible cgroup above it."""
    try:
        lines = (proc / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for number, controllers, path in (line.split(":", 2) for line in lines):
        if number == "0" and not controllers:
            yield from _upwards(cgroups, path, "memory.max", "memory.current", ("inactive_file", "active_file"))
        elif "memory" in controllers.split(","):
            droppable = ("total_inactive_file", "total_active_file")
            yield from _upwards(cgroups / "memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes", droppable)


def _upwards(root: Path, path: str, limit: str, usage: str, droppable: tuple[str, ...]) -> Iterator[Memory]:
    # active_file counts as droppable too: a scene that was downloaded and then opened must not look like used memory.
    inner = root / path.lstrip("/")
    for folder in (inner, *inner.parents):
        # Without a limit, cgroup v2 has the word "max", which is a ValueError.
        with contextlib.suppress(OSError, ValueError):
            most = int((folder / limit).read_text(encoding="ascii"))
            if most < _NO_LIMIT:
                used = int((folder / usage).read_text(encoding="ascii"))
                stat = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
                yield Memory(limit=most, used=used - sum(int(stat.get(name, 0)) for name in droppable))
        if folder == root:
            return
