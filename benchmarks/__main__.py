"""Times the local farm against plain Blender on the same frames: whole processes, wall time, in pairs.

python -m benchmarks [--pairs N] [--row NAME]
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A comparison: a scene and its frames, from `first` to `last`."""

    name: str
    scene: Path
    first: int
    last: int

    @property
    def frames(self) -> int:
        """How many frames each side renders."""
        return self.last - self.first + 1

    def farm(self, out: Path) -> list[str]:
        """Return the command that renders on a local farm, started and ended by it."""
        command = [str(Path(sys.executable).with_name("frameloom")), "render", str(self.scene)]
        return [*command, "--frames", f"{self.first}-{self.last}", "--out", str(out), "--quiet"]

    def plain(self, out: Path) -> list[str]:
        """Return the command that renders in one Blender process."""
        command = [sys.executable, "-m", "benchmarks.plain_blender"]
        return [*command, str(self.scene), str(self.first), str(self.last), str(out)]


def seconds(command: list[str]) -> float:
    """Run a command to its end and return the wall time that it took."""
    begun = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    taken = time.monotonic() - begun
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return taken


def measure(row: Row, pairs: int) -> list[tuple[float, float]]:
    """Return the seconds of both sides of each pair; one run of each first warms the disk's cache."""
    taken = []
    for pair in range(pairs + 1):
        with tempfile.TemporaryDirectory() as folder:
            farm = seconds(row.farm(Path(folder, "farm")))
            plain = seconds(row.plain(Path(folder, "plain")))
            rendered = len(list(Path(folder, "farm").rglob("*.png")))
            if rendered != row.frames or len(list(Path(folder, "plain").glob("*.png"))) != row.frames:
                raise SystemExit(f"{row.name}: a side did not render its {row.frames} frames")
        if pair:
            taken.append((farm, plain))
    return taken


def table(results: dict[Row, list[tuple[float, float]]]) -> Table:
    """Return medians with their spread, and the ratio pair by pair."""
    shown = Table(title="Whole-process wall time, seconds: median (least to most)")
    for column in ("frames", "local farm, film included", "plain Blender", "ratio", "farm's own ms a frame"):
        shown.add_column(column, justify="left" if column == "frames" else "right")
    for row, pairs in results.items():
        farm, plain = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        own = statistics.median([(f - p) / row.frames for f, p in pairs])
        ratio = _spread([f / p for f, p in pairs])
        shown.add_row(row.name, _spread(farm), _spread(plain), ratio, f"{own * 1000:.0f}")
    return shown


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--pairs", type=int, default=3, help="counted pairs of a row (default 3)")
    parser.add_argument("--row", choices=["example", "tiny"], help="only this row")
    arguments = parser.parse_args()
    console = Console(width=130)
    with tempfile.TemporaryDirectory() as folder:
        tiny = Path(folder, "tiny.blend")
        seconds([sys.executable, "-m", "benchmarks.tiny_scene", str(tiny)])
        rows = {
            "example": Row(name="17 of the example", scene=ROOT / "examples/rolling_ball.blend", first=1, last=17),
            "tiny": Row(name="100 tiny ones (64x36, one sample)", scene=tiny, first=1, last=100),
        }
        chosen = [row for name, row in rows.items() if arguments.row in (None, name)]
        results = {row: measure(row, arguments.pairs) for row in chosen}
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    console.print(f"{machine}, Python {platform.python_version()}, {arguments.pairs} pairs after one to warm up")
    console.print(table(results))


if __name__ == "__main__":
    main()
