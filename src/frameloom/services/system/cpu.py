"""How many cores a process may use: of a large machine, a container has a share, and Blender does not look for it."""

import math
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def usable_cores(cgroups: Path = CGROUPS) -> int:
    """Return how many cores this process may use: those it may run on, or as many as its container's quota pays for.

    More threads than that only wait for each other. Sources: cgroup v2's cpu.max, v1's cpu.cfs_quota_us (-1: no limit).
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, period = _quota(cgroups)
    return cores if quota is None else max(1, min(cores, math.ceil(quota / period)))


def _quota(cgroups: Path) -> tuple[int | None, int]:
    """Return the microseconds of processor time in each period, None where there is no limit."""
    try:
        quota, period = (cgroups / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        try:
            quota, period = (
                (cgroups / "cpu" / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period")
            )
        except OSError:
            return None, 1
    return (int(quota), int(period)) if quota.isdecimal() and quota != "0" else (None, 1)
