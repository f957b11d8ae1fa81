"""Times the local farm against plain Blender on the same frames: wall time of whole processes, in alternation.

The farm is either started by the command or already up. Both also make a film; plain Blender does not.

python -m benchmarks [--pairs N] [--row NAME]
python -m benchmarks --scene SHOT.blend --frames 1-8 [--resolution 25 --samples 8] [--workers N] [--pairs N]
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
FRAMELOOM = str(Path(sys.executable).with_name("frameloom"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A comparison on one scene.

    Attributes:
        name: the row's label.
        scene: the .blend file.
        first: the first frame.
        last: the last frame.
        settings: resolution in percent, and samples; None keeps the scene's.
        workers: workers of the farm; None for the farm's default.
    """

    name: str
    scene: Path
    first: int
    last: int
    settings: tuple[int, int] | None = None
    workers: int | None = None

    @property
    def frames(self) -> int:
        """The number of frames that each side renders."""
        return self.last - self.first + 1

    def own(self, out: Path) -> list[str]:
        """Return the command that renders on a farm of its own."""
        return [*self.up(out), *_workers(self.workers)]

    def up(self, out: Path) -> list[str]:
        """Return the command that renders on a farm that is up."""
        command = [FRAMELOOM, "render", str(self.scene), "--frames", f"{self.first}-{self.last}"]
        if self.settings is not None:
            command += ["--resolution", str(self.settings[0]), "--samples", str(self.settings[1])]
        return [*command, "--out", str(out), "--quiet"]

    def plain(self, out: Path) -> list[str]:
        """Return the command that renders in one Blender process."""
        command = [sys.executable, "-m", "benchmarks.plain_blender", str(self.scene)]
        return [*command, str(self.first), str(self.last), str(out), *map(str, self.settings or ())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Seconds of one run of each: a farm of the command's own, a farm that was up, and plain Blender."""

    own: float
    up: float
    plain: float


def seconds(command: list[str], home: Path | None = None) -> float:
    """Run a command and return its wall time; `home` is the folder where it finds a running farm."""
    begun = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, env=_environment(home), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    taken = time.monotonic() - begun
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return taken


@contextmanager
def farm_up(home: Path, workers: int | None) -> Iterator[None]:
    """Keep a fresh farm up that commands find in `home`."""
    farm = subprocess.Popen(
        [FRAMELOOM, "farm", "up", *_workers(workers)],
        env=_environment(home),
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        if farm.stdout is None or not farm.stdout.readline().startswith("The farm is up"):
            raise SystemExit("The farm did not start.")
        # Its worker and Blender start after that line; on a farm in daily use they are ready.
        time.sleep(3)
        yield
    finally:
        farm.terminate()
        farm.wait()


def measure(row: Row, rounds: int, home: Path) -> list[Round]:
    """Return the seconds of each round, after one uncounted round that warms the disk cache."""
    taken = []
    for number in range(rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            own = seconds(row.own(Path(folder, "own")), home)
            with farm_up(home, row.workers):
                up = seconds(row.up(Path(folder, "up")), home)
            plain = seconds(row.plain(Path(folder, "plain")))
            for side in ("own", "up", "plain"):
                if len(list(Path(folder, side).rglob("*.png"))) != row.frames:
                    raise SystemExit(f"{row.name}: {side} did not render its {row.frames} frames")
        if number:
            taken.append(Round(own=own, up=up, plain=plain))
    return taken


def table(results: dict[Row, list[Round]]) -> Table:
    """Return a table of medians with minimum and maximum, and of the ratios within each round."""
    shown = Table(title="Whole-process wall time, seconds: median (minimum to maximum)")
    for column in ("frames", "own farm", "farm that is up", "plain Blender", "own / plain", "up / plain"):
        shown.add_column(column, justify="left" if column == "frames" else "right")
    for row, rounds in results.items():
        shown.add_row(
            row.name,
            _spread([each.own for each in rounds]),
            _spread([each.up for each in rounds]),
            _spread([each.plain for each in rounds]),
            _spread([each.own / each.plain for each in rounds]),
            _spread([each.up / each.plain for each in rounds]),
        )
    return shown


def _environment(home: Path | None) -> dict[str, str]:
    # Users' Pythons cache bytecode; with this variable set, each process would compile all its imports.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return inherited | ({} if home is None else {"FRAMELOOM_HOME": str(home)})


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _given_row(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> Row:
    """Return the row for the scene on the command line."""
    first, dash, last = (arguments.frames or "").partition("-")
    if not (dash and first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        parser.error("--scene needs --frames FIRST-LAST, such as 1-8")
    if (arguments.resolution is None) != (arguments.samples is None):
        parser.error("--resolution and --samples must be given together")
    settings = None if arguments.resolution is None else (arguments.resolution, arguments.samples)
    label = "" if settings is None else f", {settings[0]} % of its size, {settings[1]} samples"
    return Row(
        name=f"{arguments.scene.stem} {arguments.frames}{label}{_of(arguments.workers)}",
        scene=arguments.scene.resolve(),
        first=int(first),
        last=int(last),
        settings=settings,
        workers=arguments.workers,
    )


def _of(workers: int | None) -> str:
    return "" if workers is None else f", {workers} workers"


def _workers(number: int | None) -> list[str]:
    return [] if number is None else ["--workers", str(number)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=3, help="counted rounds, after one to warm up (default 3)")
    parser.add_argument("--row", choices=["example", "tiny", "idle"], help="only this row")
    parser.add_argument("--scene", type=Path, help="your own scene, instead of these rows")
    parser.add_argument("--frames", help="frames of --scene, FIRST-LAST")
    parser.add_argument("--workers", type=int, help="workers of the farm (default: the farm's own)")
    parser.add_argument("--resolution", type=int, help="percent of the scene's resolution; needs --samples")
    parser.add_argument("--samples", type=int, help="samples per pixel")
    arguments = parser.parse_args()
    console = Console(width=150)
    with tempfile.TemporaryDirectory() as folder:
        if arguments.scene is not None:
            chosen = [_given_row(arguments, parser)]
        else:
            tiny, idle = (Path(folder, f"{kind}.blend") for kind in ("tiny", "idle"))
            for scene in (tiny, idle):
                seconds([sys.executable, "-m", "benchmarks.scenes", scene.stem, str(scene)])
            rows = {
                "example": Row(name="17 of the example", scene=ROOT / "examples/rolling_ball.blend", first=1, last=17),
                "tiny": Row(name="100 tiny frames (64x36, one sample)", scene=tiny, first=1, last=100),
                "idle": Row(name="50 frames that use one core", scene=idle, first=1, last=50),
            }
            chosen = [row for name, row in rows.items() if arguments.row in (None, name)]
        results = {row: measure(row, arguments.pairs, Path(folder, "home")) for row in chosen}
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    console.print(f"{machine}, Python {platform.python_version()}, {arguments.pairs} rounds after one to warm up")
    console.print(table(results))


if __name__ == "__main__":
    main()
