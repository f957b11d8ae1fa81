"""Whether a machine has cores and memory to spare for another worker.

One Blender takes every core that it can use, and of many scenes it can use few: modifiers, simulations and small
pictures leave most of a machine idle. Read from /proc; where there is none, nobody knows, and nothing is spare.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from frameloom.services.system.cpu import usable_cores

PROC = Path("/proc")
# Of what a Blender keeps busy, the least that must be idle for another to be worth its start.
ROOM = 0.75
# Cores: a Blender that keeps less busy waits for work, or for the disk.
WORKING = 0.5
# Times the memory of the largest Blender, and bytes on top of that, which must be free.
MEMORY, RESERVE = 1.5, 2**30
# However many cores there are: each worker holds the scene in memory, and is one more for whom a job is cut up.
MOST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A look at the machine `at` a time in seconds: its `idle` core seconds so far, and its `free` bytes.

    `busy` are the core seconds so far of each worker's Blender by its process id, `largest` the most bytes of one.
    """

    at: float
    idle: float
    free: int
    busy: Mapping[int, float]
    largest: int = 0


def most_workers() -> int:
    """Return how many workers may ever be of use on this machine."""
    return min(MOST, usable_cores())


def worth_another(looks: Iterable[Sample], *, cores: int) -> bool:
    """Return whether every worker rendered and left room for another, each time from one look to the next.

    `cores` is how many all of them may use: of what else is idle on the machine, a container has nothing.

    On the whole of it would not do: a worker that waits at first and then takes all cores leaves half of them idle.
    """
    steps = list(pairwise(looks))
    return bool(steps) and all(_room(before, now, cores) for before, now in steps)


def _room(before: Sample, now: Sample, cores: int) -> bool:
    seconds = now.at - before.at
    if seconds <= 0 or not now.busy or now.busy.keys() != before.busy.keys():
        return False
    busy = [(now.busy[pid] - before.busy[pid]) / seconds for pid in now.busy]
    idle = min((now.idle - before.idle) / seconds, cores - sum(busy))
    return min(busy) >= WORKING and idle >= ROOM * sum(busy) / len(busy) and now.free >= MEMORY * now.largest + RESERVE


def look(workers: Collection[int], *, at: float, proc: Path = PROC) -> Sample | None:
    """Return a sample of the machine and of the Blenders of `workers`, process ids; None where it cannot be had.

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
                # What stands before the last parenthesis is a name, which may hold anything.
                facts = (proc / str(child) / "stat").read_text(errors="replace").rpartition(")")[2].split()
                busy[child] = (int(facts[11]) + int(facts[12])) / ticks
                largest = max(largest, int(facts[21]) * page)
    # Idle, and idle but for a disk that is waited for.
    idle = (int(cores[4]) + int(cores[5])) / ticks
    return Sample(at=at, idle=idle, free=int(memory["MemAvailable"].split()[0]) * 1024, busy=busy, largest=largest)


def _children(process: int, proc: Path) -> list[int]:
    found: list[int] = []
    for thread in (proc / str(process) / "task").glob("*/children"):
        with suppress(OSError):
            found += map(int, thread.read_text(encoding="ascii").split())
    return found
