"""Times a film of one segment against one of many: wall time and memory of whole processes, in pairs.

Each segment is encoded from files in a process of its own, and StitchVideo reads from and writes to S3 (moto). 'longer
by' is the share of the stitch over the slowest segment: the film's time where each segment has a machine of its own.

python -m benchmarks.film [--frames N] [--pairs N] [--codec CODEC] [--size WxH]

300 frames of 1080p take two minutes on two cores, and 3,000 (--frames 3000 --pairs 1) six. An encoder of 4K
reaches its peak within 48 frames: --size 3840x2160 --frames 48 --pairs 1.
"""

import argparse
import io
import logging
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path

from moto.server import ThreadedMotoServer
from PIL import Image, ImageChops, ImageFilter
from rich.console import Console
from rich.table import Table

from frameloom.aws.clients import client
from frameloom.aws.store import S3Store
from frameloom.model import keys
from frameloom.model.frames import FrameRange
from frameloom.model.job import Job, Limits, OutputRef, SceneRef, Segment
from frameloom.model.settings import RenderSettings, VideoSettings
from frameloom.services import stitch_video, video
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Buckets
from frameloom.services.verify_frames import plan_segments

# Different images; a longer film repeats them.
IMAGES = 24
BUCKETS, JOB = Buckets(scenes="scenes", frames="frames", logs="logs"), "film"


def images(size: tuple[int, int]) -> list[bytes]:
    """Return images of moving soft structures, as PNG."""
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
    """Encode one segment; return its path, the seconds, and the process's peak memory in MiB."""
    begun = time.monotonic()

    def frames() -> Iterator[tuple[int, bytes]]:
        names = islice(cycle(range(IMAGES)), segment.first % IMAGES, None)
        for number, name in zip(range(segment.count), names, strict=False):
            yield number, (folder / f"{name}.png").read_bytes()

    out = folder / f"{segment.segment}.mp4"
    video.encode_segment(frames(), out, options)
    return out, time.monotonic() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def film(folder: Path, segments: list[Segment], options: video.VideoOptions, encoders: int) -> tuple[float, ...]:
    """Make the film; return five figures.

    They are the seconds of the slowest segment and of the stitch, the stitch's share of the segment in percent, and the
    peak memory of an encoder and of the stitch in MiB.
    """
    # One process a segment, as Lambda runs one environment a segment.
    with ProcessPoolExecutor(encoders, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        done = list(pool.map(encode, [folder] * len(segments), segments, [options] * len(segments)))
    slowest = max(took for _, took, _ in done)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        paths = [path for path, _, _ in done]
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            took, peak = pool.submit(stitched, f"http://{host}:{port}", paths, segments, options).result()
    finally:
        server.stop()
    return slowest, took, 100 * took / slowest, max(peak for _, _, peak in done), peak


def stitched(
    endpoint: str, paths: list[Path], segments: list[Segment], options: video.VideoOptions
) -> tuple[float, int]:
    """Stitch segments; return the seconds, and the process's peak memory in MiB."""
    os.environ |= {"AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark"}
    store, frames = S3Store(), f"1-{sum(segment.count for segment in segments)}"
    for bucket in (BUCKETS.scenes, BUCKETS.frames, BUCKETS.logs):
        client("s3").create_bucket(Bucket=bucket)
    job_documents.write_film(store, BUCKETS, JOB, FrameRange.parse(frames))
    job_documents.write(store, BUCKETS.logs, keys.manifest_key(JOB), _job(frames, options).to_json())
    for path, segment in zip(paths, segments, strict=True):
        store.upload(path, BUCKETS.logs, keys.segment_key(JOB, segment.segment, options.container))
    # The planner would cut a film of so many frames into more than one segment.
    setattr(stitch_video, "plan_segments", lambda _: segments)  # noqa: B010
    begun = time.monotonic()
    stitch_video.stitch(JOB, store=store, buckets=BUCKETS)
    return time.monotonic() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _job(frames: str, options: video.VideoOptions) -> Job:
    return Job(
        job_id=JOB,
        started="2026-01-01T00:00:00Z",
        scene=SceneRef(bucket=BUCKETS.scenes, key="film.blend", digest=""),
        frames=frames,
        fps=str(options.fps),
        settings=RenderSettings(blender="4.5.15"),
        outputs=OutputRef(bucket=BUCKETS.frames, prefix="film/"),
        output="video",
        on_missing="fail",
        video=VideoSettings(codec=options.codec),
        limits=Limits(max_workers=1, queue_timeout=60, chunk_timeout=60),
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.film", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
    title = f"{arguments.frames} frames of {arguments.size}, {arguments.codec}: median (minimum to maximum)"
    shown = Table(title=title)
    for column in (
        "film of",
        "slowest, s",
        "stitch, s",
        "longer by, %",
        "an encoder's peak, MiB",
        "the stitch's peak, MiB",
    ):
        shown.add_column(column, justify="left" if column == "film of" else "right")
    for side, rows in taken.items():
        shown.add_row(side, *(_spread(list(column)) for column in zip(*rows, strict=True)))
    console = Console(width=160)
    console.print(f"{platform.system()} {platform.machine()}, {encoders} cores, {arguments.pairs} pairs")
    console.print(shown)


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
