"""Whether a machine has idle cores and free memory for another worker.

One Blender uses as many cores as it can, but with modifiers, simulations or small images it can use only a few. The
data come from /proc; without it no worker is added.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from frameloom.services.system.cpu import usable_cores

PROC = Path("/proc")
# The idle cores that another worker needs, as a share of the cores that one Blender keeps busy.
IDLE_SHARE = 0.75
# A Blender that keeps fewer cores busy waits for work or for the disk.
BUSY_CORES = 0.5
# The memory that must be free: this many times that of the largest Blender, plus a reserve in bytes.
MEMORY_FACTOR, MEMORY_RESERVE = 1.5, 2**30
# The limit on any machine: each worker holds the scene in memory, and a job is split into more chunks for it.
MAX_WORKERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The machine at the time `at` in seconds: its `idle` core seconds so far, and its `free` bytes.

    `busy` has the core seconds so far of each worker's Blender by its process id, `largest` the bytes of the largest.
    """

    at: float
    idle: float
    free: int
    busy: Mapping[int, float]
    largest: int = 0


def most_workers() -> int:
    """Return the largest number of workers that can be useful on this machine."""
    return min(MAX_WORKERS, usable_cores())


def worth_another(samples: Iterable[Sample], *, cores: int) -> bool:
    """Return whether, between each two samples, every worker rendered and left room for another.

    `cores` is the number that all workers may use together: a container cannot use other idle cores of the machine.

    An average over all samples would be wrong: a worker that waits first and then uses all cores has half of them idle.
    """
    steps = list(pairwise(samples))
    return bool(steps) and all(_has_room(before, now, cores) for before, now in steps)


def _has_room(before: Sample, now: Sample, cores: int) -> bool:
    seconds = now.at - before.at
    if seconds <= 0 or not now.busy or now.busy.keys() != before.busy.keys():
        return False
    busy = [(now.busy[pid] - before.busy[pid]) / seconds for pid in now.busy]
    idle = min((now.idle - before.idle) / seconds, cores - sum(busy))
    return (
        min(busy) >= BUSY_CORES
        and idle >= IDLE_SHARE * sum(busy) / len(busy)
        and now.free >= MEMORY_FACTOR * now.largest + MEMORY_RESERVE
    )


def take_sample(workers: Collection[int], *, at: float, proc: Path = PROC) -> Sample | None:
    """Return a sample of the machine and of the Blenders of `workers` (process ids), or None without /proc.

    Sources: proc_stat(5), proc_meminfo(5), proc_pid_stat(5), proc_tid_children(5).
    """
    try:
        cores = (proc / "stat").read_text(encoding="ascii").split("\n", 1)[0].split()
        memory = dict(line.split(":", 1) for line in (proc / "meminfo").read_text(encoding="ascii").splitlines())
        ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None
    busy, largest = {}, 0
    for worker in workers:
        for child in _children(worker, proc):
            with suppress(OSError):
                # The text up to the last parenthesis has the process's name, which may contain any characters.
                fields = (proc / str(child) / "stat").read_text(errors="replace").rpartition(")")[2].split()
                busy[child] = (int(fields[11]) + int(fields[12])) / ticks
                largest = max(largest, int(fields[21]) * page)
    # Idle time, and idle time in which a process waited for the disk.
    idle = (int(cores[4]) + int(cores[5])) / ticks
    return Sample(at=at, idle=idle, free=int(memory["MemAvailable"].split()[0]) * 1024, busy=busy, largest=largest)


def _children(process: int, proc: Path) -> list[int]:
    found: list[int] = []
    for thread in (proc / str(process) / "task").glob("*/children"):
        with suppress(OSError):
            found += map(int, thread.read_text(encoding="ascii").split())
    return found
