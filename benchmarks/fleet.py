"""Compares the planner's chunk sizes with fixed ones on simulated fleets: efficiency and duration of a job.

python -m benchmarks.fleet [--most-frames N] [--most-workers N]
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from rich.console import Console
from rich.table import Table

from frameloom.estimate.fleet_simulation import (
    Costs,
    Outcome,
    frame_times,
    known_times,
    seconds_of,
    simulate,
    simulated_job,
)
from frameloom.model.frames import FrameRange
from frameloom.model.timings import Timings
from frameloom.services.plan_chunks import chunk_frames, scouts, worth_scouting

FRAMES = (100, 1_000, 10_000, 100_000, 1_000_000)
WORKERS = (1, 10, 100, 1_000, 10_000)
FIXED = (1, 3, 10)
KNOWN, FIRST_TIME = "times known", "first time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A job: the number of its frames, and its `max_workers`."""

    frames: int
    workers: int


def outcomes(row: Row, costs: Costs, *, present: int | None = None, seed: int = 1) -> dict[str, Outcome]:
    """Return the job's result with the planner's sizes and with each fixed size, on the same frames and fleet.

    Args:
        row: the job.
        costs: times in addition to rendering.
        present: the size of the fleet, where it is smaller than the job's `max_workers`.
        seed: decides the times of the frames.
    """
    times = frame_times(row.frames, seed=seed)
    there = row.workers if present is None else min(present, row.workers)

    def run(chunks: Sequence[float], before: Outcome | None = None) -> Outcome:
        return simulate(chunks, there, costs, out=row.workers, before=before, seed=seed)

    def planned(known: Timings | None, frames: FrameRange) -> list[float]:
        return list(seconds_of(chunk_frames(job, frames, known), times))

    job = simulated_job(row.frames, row.workers)
    every = job.frame_range()
    found = {KNOWN: run(planned(known_times(times, costs.start), every))}
    if worth_scouting(job, every):
        tried = [frame for scout in scouts(every) for frame in scout]
        before = run([times[frame] for frame in tried])
        measured = Timings(start=costs.start, frames={str(frame): times[frame] for frame in tried})
        found[FIRST_TIME] = run(planned(measured, every.without(tried)), before)
    else:
        found[FIRST_TIME] = run(planned(None, every))
    return found | {str(size): run(fixed(row.frames, size, seed)) for size in FIXED}


@cache
def fixed(frames: int, size: int, seed: int) -> list[float]:
    """Return the seconds of each chunk of `size` frames."""
    times = frame_times(frames, seed=seed)
    return times if size == 1 else [sum(times[first : first + size]) for first in range(0, frames, size)]


def table(results: dict[Row, dict[str, Outcome]]) -> Table:
    """Return a table of efficiency and wall time."""
    shown = Table(title="Fleet efficiency, and wall time from the first message to the last result")
    for column in (
        "frames",
        "workers",
        f"planner, {KNOWN}",
        f"planner, {FIRST_TIME}",
        *(f"chunks of {n}" for n in FIXED),
    ):
        shown.add_column(column, justify="right")
    for row, found in results.items():
        cells = [f"{outcome.efficiency:.1%} {_duration(outcome.wall)}" for outcome in found.values()]
        shown.add_row(f"{row.frames:,}", f"{row.workers:,}", *cells)
    return shown


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:6.1f} {unit:<3}"
    return f"{seconds:6.1f} s  "


def rows(most_frames: int, most_workers: int, workers: Sequence[int] = WORKERS) -> list[Row]:
    """Return the jobs of up to so many frames and workers."""
    return [
        Row(frames=frames, workers=count)
        for frames in FRAMES
        for count in workers
        if frames <= most_frames and count <= most_workers
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--most-frames", type=int, default=FRAMES[-1], help="leave out larger jobs")
    parser.add_argument("--most-workers", type=int, default=WORKERS[-1], help="leave out larger fleets")
    arguments = parser.parse_args()
    costs, begun = Costs(), time.monotonic()
    results = {row: outcomes(row, costs) for row in rows(arguments.most_frames, arguments.most_workers)}
    console = Console(width=150)
    console.print(table(results))
    console.print(
        f"Simulated in {time.monotonic() - begun:.0f} s with {costs}; see src/frameloom/estimate/fleet_simulation.py"
    )


if __name__ == "__main__":
    main()
