"""The processor cores of this process: a container may have a share of its machine's, which Blender does not check."""

import math
import os
from pathlib import Path

from frameloom.services.system.memory import CGROUPS


def usable_cores(cgroups: Path = CGROUPS) -> int:
    """Return how many cores this process may use: its CPU affinity or its container's quota, rounded up, if less.

    More threads would only wait for each other. Sources: cgroup v2's cpu.max, v1's cpu.cfs_quota_us (-1: no limit).
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, period = _quota(cgroups)
    return cores if quota is None else max(1, min(cores, math.ceil(quota / period)))


def _quota(cgroups: Path) -> tuple[int | None, int]:
    """Return the quota, None without a limit, and its period, both in microseconds."""
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
