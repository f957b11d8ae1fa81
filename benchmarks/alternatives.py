"""Times alternatives on the same machine: Open Job Description with AWS' Blender adaptor, and a process for each frame.

python -m benchmarks.alternatives [--frames N] [--pairs N]

`openjd run` takes AWS's own template and adaptor, both from PyPI in an environment made for the run. The adaptor keeps
one Blender open, as our worker does; Blender for it is the `bpy` that our worker has, behind a script of that name.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.__main__ import ROOT, Row, seconds

PACKAGES = ["openjd-cli==0.8.0", "deadline-cloud-for-blender==0.6.9", "openjd-adaptor-runtime==0.9.6"]
# The adaptor passes Blender's own options: --background ... --python SCRIPT --python-use-system-env.
BLENDER = """#!/bin/sh
while [ "$1" != --python ]; do shift; done
exec {python} -u "$2"
"""
# One frame in a process of its own, as `blender -b SCENE -o OUT/ -f FRAME` renders it.
ONE_FRAME = "benchmarks.plain_blender"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alternatives", description=__doc__)
    parser.add_argument("--frames", type=int, default=20, help="frames of each side (default 20)")
    parser.add_argument("--pairs", type=int, default=3, help="counted rounds, after one to warm up (default 3)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, openjd(Path(folder)) as open_job:
        scene = Path(folder, "tiny.blend")
        seconds([sys.executable, "-m", "benchmarks.scenes", "tiny", str(scene)])
        row = Row(name="tiny", scene=scene, first=1, last=arguments.frames)
        sides: dict[str, Callable[[Path], float]] = {
            "plain Blender, one process": lambda out: seconds(row.plain(out)),
            "Frameloom, a farm for this job": lambda out: seconds(row.own(out)),
            "openjd run, Blender kept open": lambda out: open_job(row, out),
            "a Blender for each frame": lambda out: one_by_one(row, out),
        }
        times: dict[str, list[float]] = {side: [] for side in sides}
        for turn in range(arguments.pairs + 1):
            for side, run in sides.items():
                out = Path(folder, f"{turn}-{side.split()[0]}")
                taken = run(out)
                if (found := len(list(out.rglob("*.png")))) != arguments.frames:
                    raise SystemExit(f"{side} rendered {found} frames of {arguments.frames}")
                if turn:
                    times[side].append(taken)
    console = Console(width=110)
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    console.print(f"{machine}, {arguments.frames} frames of 64x36, {arguments.pairs} rounds after one to warm up")
    console.print(table(times, arguments.frames))


def table(times: dict[str, list[float]], frames: int) -> Table:
    """Return a table of medians with minimum and maximum, and of each side's overhead a frame over plain Blender."""
    shown = Table(title="Whole-process wall time, seconds: median (minimum to maximum)")
    for column in ("side", "seconds", "own ms a frame"):
        shown.add_column(column, justify="left" if column == "side" else "right")
    plain = next(iter(times.values()))
    for side, taken in times.items():
        own = statistics.median([(each - base) / frames for each, base in zip(taken, plain, strict=True)])
        spread = f"{statistics.median(taken):.2f} ({min(taken):.2f} to {max(taken):.2f})"
        shown.add_row(side, spread, f"{own * 1000:.0f}")
    return shown


def one_by_one(row: Row, out: Path) -> float:
    """Return the seconds of one process a frame, one after the other."""
    return sum(
        seconds([sys.executable, "-m", ONE_FRAME, str(row.scene), str(frame), str(frame), str(out)])
        for frame in range(row.first, row.last + 1)
    )


@contextmanager
def openjd(folder: Path) -> Iterator[Callable[[Row, Path], float]]:
    """Make an environment with openjd and the adaptor; return a function that runs a row in it."""
    environment = folder / "openjd"
    uv = subprocess.run(
        ["/bin/sh", "tools/bootstrap.sh"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    seconds([uv, "venv", "--quiet", "--python", sys.executable, str(environment)])
    seconds([uv, "pip", "install", "--quiet", "--python", str(environment), *PACKAGES])
    (template,) = environment.rglob("default_blender_template.yaml")
    blender = folder / "blender"
    blender.write_text(BLENDER.format(python=sys.executable))
    blender.chmod(0o755)

    def run(row: Row, out: Path) -> float:
        out.mkdir()
        parameters = {"BlenderFile": row.scene, "Frames": f"{row.first}-{row.last}", "OutputDir": out}
        words = [word for name, value in parameters.items() for word in ("-p", f"{name}={value}")]
        # env(1): the adaptor is found on the PATH, and finds Blender by this variable.
        path = f"PATH={environment / 'bin'}:{os.environ['PATH']}"
        command = ["env", path, f"BLENDER_EXECUTABLE={blender}", f"HOME={folder}", str(environment / "bin/openjd")]
        return seconds([*command, "run", str(template), "--step", "RenderBlender", *words])

    yield run


if __name__ == "__main__":
    main()
