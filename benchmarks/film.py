"""Times a film that is encoded at once against one in segments: whole processes, wall time and memory, in pairs.

python -m benchmarks.film [--frames N] [--pairs N] [--codec CODEC] [--size WxH]
"""

import argparse
import io
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from fractions import Fraction
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path

from PIL import Image, ImageChops, ImageFilter
from rich.console import Console
from rich.table import Table

from frameloom.model.job import Segment
from frameloom.services import video
from frameloom.services.verify import plan_segments

# Different images; a longer film shows them again and again.
IMAGES = 24


def images(size: tuple[int, int]) -> list[bytes]:
    """Return images of soft structures that move, as PNG."""
    waves = Image.effect_mandelbrot((size[0] * 2, size[1]), (-2.2, -1.2, 1.2, 1.2), 90)
    made = []
    for number in range(IMAGES):
        red = ImageChops.offset(waves, 8 * number, 0).crop((0, 0, *size))
        image = Image.merge("RGB", (red, Image.linear_gradient("L").resize(size), ImageChops.invert(red)))
        file = io.BytesIO()
        image.filter(ImageFilter.GaussianBlur(1.5)).save(file, "PNG", compress_level=1)
        made.append(file.getvalue())
    return made


def encode(folder: Path, segment: Segment, options: video.VideoOptions) -> tuple[Path, float, int]:
    """Encode one segment; return where it is, the seconds that took, and the process's peak in MiB."""
    begun = time.monotonic()

    def frames() -> Iterator[tuple[int, bytes]]:
        names = islice(cycle(range(IMAGES)), segment.first % IMAGES, None)
        for number, name in zip(range(segment.count), names, strict=False):
            yield number, (folder / f"{name}.png").read_bytes()

    out = folder / f"{segment.segment}.mp4"
    video.encode_segment(frames(), out, options)
    return out, time.monotonic() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def film(folder: Path, segments: list[Segment], options: video.VideoOptions, encoders: int) -> tuple[float, ...]:
    """Make the film; return its seconds, those of its slowest segment and of the join, and an encoder's most MiB."""
    begun = time.monotonic()
    # A process for each segment, as each has a Lambda of its own.
    with ProcessPoolExecutor(encoders, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        done = list(pool.map(encode, [folder] * len(segments), segments, [options] * len(segments)))
    encoded = time.monotonic()
    with ExitStack() as files, (folder / "film.mp4").open("wb") as out:
        opened = [(path.name, files.enter_context(path.open("rb"))) for path, _, _ in done]
        video.join_segments(opened, out, options.fps, frames=sum(segment.count for segment in segments))
    ended = time.monotonic()
    return ended - begun, max(took for _, took, _ in done), ended - encoded, max(peak for _, _, peak in done)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.film", description=__doc__)
    parser.add_argument("--frames", type=int, default=300, help="the film's length (default 300)")
    parser.add_argument("--pairs", type=int, default=3, help="counted pairs (default 3)")
    parser.add_argument("--codec", choices=list(video.CODECS), default="h264")
    parser.add_argument("--size", default="1920x1080", help="width x height (default 1920x1080)")
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    options = video.VideoOptions(codec=arguments.codec, fps=Fraction(24), size=(width, height))
    one = [Segment(segment=0, first=0, count=arguments.frames)]
    sides = {"one segment": one, f"{len(plan_segments(arguments.frames))} segments": plan_segments(arguments.frames)}
    taken: dict[str, list[tuple[float, ...]]] = {name: [] for name in sides}
    encoders = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, data in enumerate(images(options.size)):
            (folder / f"{number}.png").write_bytes(data)
        for _ in range(arguments.pairs):
            for side, segments in sides.items():
                taken[side].append(film(folder, segments, options, encoders))
    shown = Table(title=f"{arguments.frames} frames of {arguments.size}, {arguments.codec}: median (least to most)")
    for column in ("film of", "seconds", "slowest segment", "join", "an encoder's peak, MiB"):
        shown.add_column(column, justify="left" if column == "film of" else "right")
    for side, rows in taken.items():
        shown.add_row(side, *(_spread(list(column)) for column in zip(*rows, strict=True)))
    console = Console(width=130)
    console.print(f"{platform.system()} {platform.machine()}, {encoders} cores, {arguments.pairs} pairs")
    console.print(shown)


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
