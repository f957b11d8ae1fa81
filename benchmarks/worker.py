"""Measures one worker: while it waits, between two chunks, and over hundreds of frames.

python -m benchmarks.worker [--frames N] [--idle SECONDS]
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from frameloom.aws.executions import JobExecutions
from frameloom.aws.stack import Stack, stack_of
from frameloom.aws.store import S3Store
from frameloom.local.local_farm import LocalFarm
from frameloom.model.log_event import LogEvent
from frameloom.model.messages import LogRecord
from frameloom.services.read_log import JobLog
from frameloom.services.storage.ports import Buckets

ROOT = Path(__file__).parent.parent
MEBIBYTE = 2**20


class Bench:
    """A local farm of one worker."""

    def __init__(self, farm: LocalFarm) -> None:
        os.environ.update(farm.environment)
        self.stack: Stack = stack_of(farm.outputs, name="local")
        self.jobs = JobExecutions(self.stack.machine)
        self.store = S3Store()
        (self.worker,) = farm.workers

    def run(self, job_id: str, **request: Any) -> list[LogRecord]:
        """Run a job and return the log records of its worker."""
        self.jobs.start(job_id, {"file": "tiny.blend", "output": "frames", **request})
        while (execution := self.jobs.describe(job_id)) is None or not execution.status.ended:
            time.sleep(0.05)
        if execution.error:
            raise SystemExit(f"{execution.error}: {execution.cause}")
        # The last log batch arrives after the end of the job.
        time.sleep(2)
        buckets = Buckets(
            scenes=self.stack.buckets.scenes, frames=self.stack.buckets.frames, logs=self.stack.buckets.logs
        )
        return JobLog(job_id, store=self.store, buckets=buckets).read()


def idle(bench: Bench, seconds: float) -> tuple[float, float]:
    """Return the percentage of a core and the MiB of a waiting worker, without Blender."""
    process = psutil.Process(bench.worker)
    before, begun = sum(process.cpu_times()[:2]), time.monotonic()
    time.sleep(seconds)
    spent = sum(process.cpu_times()[:2]) - before
    return 100 * spent / (time.monotonic() - begun), process.memory_info().rss / MEBIBYTE


def gaps(records: Sequence[LogRecord], first: LogEvent, then: LogEvent) -> list[float]:
    """Return the milliseconds from each event `first` to the next event `then`."""
    found, since = [], None
    for record in records:
        if record.event is first:
            since = datetime.fromisoformat(record.time)
        elif record.event is then and since is not None:
            found.append((datetime.fromisoformat(record.time) - since).total_seconds() * 1000)
            since = None
    return found


@contextmanager
def memory_of_blender(worker: int) -> Iterator[list[float]]:
    """Collect the MiB of a worker's Blender, ten times a second."""
    sizes: list[float] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            sizes.extend(child.memory_info().rss / MEBIBYTE for child in psutil.Process(worker).children())

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield sizes
    finally:
        ended.set()
        watcher.join()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker", description=__doc__)
    parser.add_argument("--frames", type=int, default=500, help="frames during which memory is measured (default 500)")
    parser.add_argument("--idle", type=float, default=30, help="seconds that the worker waits (default 30)")
    arguments = parser.parse_args()
    shown = Table(title="One worker")
    for column in ("quantity", "figure"):
        shown.add_column(column)
    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder, "tiny.blend")
        subprocess.run([sys.executable, "-m", "benchmarks.scenes", "tiny", str(scene)], cwd=ROOT, check=True, stdout=-3)
        with LocalFarm(workers=1) as farm:
            bench = Bench(farm)
            bench.store.upload(scene, bench.stack.buckets.scenes, "tiny.blend", metadata={"frameloom-start": "no"})
            bench.run("warm", frames="1-2")
            share, size = idle(bench, arguments.idle)
            shown.add_row("waiting: share of a core", f"{share:.2f} %")
            shown.add_row("waiting: memory without Blender", f"{size:.0f} MiB")
            records = bench.run("turns", frames="1-100", chunk_size=1, run=2)
            shown.add_row(
                "result to next message, ms", spread(gaps(records, LogEvent.CHUNK_SUCCEEDED, LogEvent.CHUNK_RECEIVED))
            )
            shown.add_row(
                "message to render, scene open, ms",
                spread(gaps(records, LogEvent.CHUNK_RECEIVED, LogEvent.FRAME_STARTED)),
            )
            with memory_of_blender(bench.worker) as sizes:
                bench.run("memory", frames=f"1-{arguments.frames}", run=3)
            tenth = max(1, len(sizes) // 10)
            early, late = statistics.median(sizes[tenth : 2 * tenth]), statistics.median(sizes[-tenth:])
            shown.add_row(f"Blender's memory over {arguments.frames} frames", f"{early:.0f} to {late:.0f} MiB")
    console = Console(width=100)
    console.print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    console.print(shown)


def spread(values: Sequence[float]) -> str:
    """Return a median and, in parentheses, minimum and maximum."""
    return f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f}), {len(values)} times"


if __name__ == "__main__":
    main()
