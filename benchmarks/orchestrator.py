"""Measures the orchestrator by job size, on a local farm with an instant worker.

python -m benchmarks.orchestrator [--chunks N ...] [--pairs N] [--of N]

First, jobs of each size: seconds, and AWS requests beside the formula of frameloom/estimate/aws_requests.py.
Then pairs of
runs of one size: a whole job on the farm, and its Map alone on plain moto, each warmed up by a small one.
"""

import argparse
import os
import platform
import statistics
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.bare_moto import BareMoto
from benchmarks.instant_farm import Asked, InstantFarm, Run
from frameloom.estimate.aws_requests import AwsRequests, S3Requests, aws_requests

SIZES = (100, 1_000, 5_000, 10_000)
WARM_UP = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A job of a size, and the emulator's resident memory after it, in MiB."""

    chunks: int
    run: Run
    asked: Asked
    mib: int

    def found(self) -> dict[str, int]:
        """Return the counted requests, by the formula's names."""
        return {
            "transitions": self.run.transitions,
            "events": len(self.run.events),
            "SQS sends": self.asked.others["service", "SendMessage"],
            **_by_kind("functions", self.asked.s3["functions"]),
        }

    def expected(self) -> dict[str, int]:
        """Return the formula's requests, by the same names."""
        formula = expected(self.chunks)
        return {
            "transitions": formula.transitions,
            "events": formula.parent_events,
            "SQS sends": formula.sqs["Step Functions: SendMessage"],
            **_by_kind("functions", formula.functions),
        }


def expected(chunks: int) -> AwsRequests:
    """Return the formula's requests of a job on the instant farm."""
    return aws_requests(frames=chunks, chunks=chunks, fixed_size=True)


def _by_kind(who: str, requests: S3Requests) -> dict[str, int]:
    return {f"{who}' S3 {kind}": getattr(requests, kind) for kind in ("puts", "gets", "lists")}


def count(sizes: list[int]) -> list[Counted]:
    """Run jobs of these sizes, one after another, on one farm."""
    counted = []
    with InstantFarm(counts=True) as farm:
        farm.run(WARM_UP)
        for chunks in sizes:
            run, asked = farm.count(chunks)
            _must_succeed(run, f"{chunks:,} chunks")
            counted.append(Counted(chunks=chunks, run=run, asked=asked, mib=farm.memory()))
    return counted


def pair(chunks: int) -> tuple[Run, Run]:
    """Return a job on a fresh farm, and its Map on a fresh moto."""
    runs = []
    for side in (InstantFarm(counts=False), BareMoto()):
        with side:
            side.run(WARM_UP)
            runs.append(side.run(chunks))
            _must_succeed(runs[-1], type(side).__name__)
    return runs[0], runs[1]


def sizes_table(counted: list[Counted]) -> Table:
    """Return a table with a column for each size; where count and formula differ, it shows both."""
    shown = Table("", *(f"{row.chunks:,} chunks" for row in counted), title="A job with an instant worker")
    for column in shown.columns[1:]:
        column.justify = "right"
    shown.add_row("seconds", *(f"{row.run.seconds:.1f}" for row in counted))
    shown.add_row("of them, its Map", *(f"{row.run.map_seconds:.1f}" for row in counted))
    shown.add_row("ms a chunk", *(f"{row.run.seconds * 1000 / row.chunks:.1f}" for row in counted))
    shown.add_row("largest state, bytes", *(f"{row.run.state_bytes:,}" for row in counted))
    for name in counted[0].found():
        shown.add_row(name, *(_beside(row.found()[name], row.expected()[name]) for row in counted))
    shown.add_row("emulator, MiB", *(f"{row.mib:,}" for row in counted))
    return shown


def pairs_table(chunks: int, pairs: list[tuple[Run, Run]]) -> Table:
    """Return a table of medians, and of the ratio within each pair."""
    shown = Table("", "seconds: median (minimum to maximum)", title=f"{chunks:,} chunks with an instant worker")
    ratios = [farm.seconds / bare.seconds for farm, bare in pairs]
    shown.add_row("local farm, the whole job", _spread([farm.seconds for farm, _ in pairs]))
    shown.add_row("of it, the Map", _spread([farm.map_seconds for farm, _ in pairs]))
    shown.add_row("plain moto, the Map alone", _spread([bare.seconds for _, bare in pairs]))
    shown.add_row("ratio (goal: 1.2)", _spread(ratios))
    return shown


def _must_succeed(run: Run, what: str) -> None:
    if run.status != "SUCCEEDED":
        raise SystemExit(f"{what}: the execution ended as {run.status}")


def _beside(found: int, expected: int) -> str:
    return f"{found:,}" if found == expected else f"{found:,}, not {expected:,}"


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.orchestrator", description=__doc__)
    parser.add_argument("--chunks", type=int, nargs="*", default=SIZES, help="job sizes (none skips this part)")
    parser.add_argument("--pairs", type=int, default=3, help="pairs of runs with plain moto (default 3; 0 skips them)")
    parser.add_argument("--of", type=int, default=1_000, help="chunks of each run (default 1000)")
    arguments = parser.parse_args()
    console = Console(width=130)
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    console.print(f"{machine}, Python {platform.python_version()}")
    if arguments.chunks:
        console.print(sizes_table(count(arguments.chunks)))
    if arguments.pairs:
        console.print(pairs_table(arguments.of, [pair(arguments.of) for _ in range(arguments.pairs)]))


if __name__ == "__main__":
    main()
