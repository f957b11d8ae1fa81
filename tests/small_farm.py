"""The small farm of tests/integration/fixtures/mini_farm, and helpers for tests of local farms."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from frameloom.local.local_farm import LocalFarm
from tests.farm_client import farm_client

MINI_FARM = Path(__file__).parent / "integration" / "fixtures" / "mini_farm"


def client(farm: LocalFarm, service: str) -> Any:
    return farm_client(farm.environment, service)


def worker_report(farm: LocalFarm, number: int) -> dict[str, Any]:
    """Return the report of a worker of the small farm about itself."""
    file = farm.work_dir / "tmp" / f"worker-{number}.json"
    wait_until(file.exists, f"worker {number} reports")
    report: dict[str, Any] = json.loads(file.read_text())
    return report


def wait_until(happened: Callable[[], Any], what: str, *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def gone(pid: int) -> bool:
    """Return whether a process has ended; it may be a zombie if its parent has ended."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
