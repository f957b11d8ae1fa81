"""Sizes chunks so that all workers finish at about the same time: large chunks first, small chunks at the end.

The method is factoring: chunks come in batches of one chunk per worker, and each batch holds a fixed share of the
remaining work. Source: S. F. Hummel, E. Schonberg, L. E. Flynn, "Factoring: a method for scheduling parallel loops",
Communications of the ACM 35(8), 1992. They use a share of a half if little is known about the variation of the work,
and a smaller share for more variation. A third suits uneven frames such as the measured
ones in `src/frameloom/estimate/fleet_simulation.py`.

Two other methods were rejected. Guided self-scheduling (C. D. Polychronopoulos, D. J. Kuck, IEEE Transactions on
Computers C-36(12), 1987) gives a worker its whole share of the remaining work, so slow frames at the start of a film
occupy one worker after all others have finished. Trapezoid self-scheduling (T. H. Tzeng, L. M. Ni, IEEE Transactions on
Parallel and Distributed Systems 4(1), 1993) starts with half of that share and decreases it from chunk to chunk;
batches are as simple for a list that is made in advance.

Work is in seconds if times of the scene are known, otherwise in frames.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat

from frameloom.model.frames import FrameRange
from frameloom.model.timings import Timings
from frameloom.services.measured_times import estimate_seconds

# A worker's work is at least this multiple of Blender's start, and a chunk's work of a turnaround: overhead up to 5 %.
MIN_WORK_RATIO = 20
# Seconds from a chunk's result to the first frame of the next chunk: an execution, a message, a listing of frames.
TURNAROUND = 0.3
# The share of the remaining work in a batch.
BATCH_SHARE = 1 / 3
# A chunk's seconds. Chunks of other jobs get their turn, and a chunk that crashes three workers loses less.
MAX_SECONDS = 3600.0
# A chunk's frames. A worker requests each frame from S3, and the message lists them.
MAX_FRAMES = 1000
# A chunk's frames if no times are known.
MIN_FRAMES_UNTIMED, MAX_FRAMES_UNTIMED = 3, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """The parameters of chunk sizes, all in one unit: seconds or frames.

    Attributes:
        start: the cost of starting Blender and loading the scene, once per worker.
        shortest: the least work in a chunk.
        longest: the most work in a chunk.
    """

    workers: int
    start: float
    shortest: float
    longest: float

    @classmethod
    def untimed(cls, workers: int) -> "Sizing":
        """Return the sizing in frames, for a scene without known times."""
        return cls(workers=workers, start=0.0, shortest=MIN_FRAMES_UNTIMED, longest=MAX_FRAMES_UNTIMED)

    @classmethod
    def timed(cls, workers: int, timings: Timings, *, timeout: float) -> "Sizing":
        """Return the sizing in seconds.

        Args:
            timeout: the seconds that a chunk may take.
        """
        # A quarter of the timeout: frames may take four times as long as the measured ones.
        longest = min(max(MAX_SECONDS, MIN_WORK_RATIO * timings.start), timeout / 4)
        return cls(workers=workers, start=timings.start, shortest=MIN_WORK_RATIO * TURNAROUND, longest=longest)

    def useful_workers(self, work: float) -> int:
        """Return the number of workers whose share of the work justifies their start, at least 1."""
        if not self.start:
            return self.workers
        return max(1, int(min(self.workers, work / (MIN_WORK_RATIO * self.start))))

    def size(self, remaining: float, workers: int) -> float:
        """Return the work in each chunk of a batch, given the work that remains before the batch."""
        return min(self.longest, max(self.shortest, BATCH_SHARE * remaining / workers))


def sized_chunks(frames: FrameRange, workers: int, timings: Timings | None, *, timeout: float) -> Iterator[FrameRange]:
    """Yield chunks that hold every frame exactly once, in order.

    Args:
        timings: the known times of the scene.
        timeout: the seconds that a chunk may take.
    """
    if timings is None:
        yield from _cut(frames, repeat(1.0), float(len(frames)), Sizing.untimed(workers))
    else:
        sizing = Sizing.timed(workers, timings, timeout=timeout)
        yield from _cut(frames, estimate_seconds(frames, timings), sum(estimate_seconds(frames, timings)), sizing)


def _cut(frames: FrameRange, costs: Iterable[float], work: float, sizing: Sizing) -> Iterator[FrameRange]:
    """Yield the chunks, given the cost of each frame and the sum of the costs."""
    workers, remaining = sizing.useful_workers(work), work
    target = sizing.size(remaining, workers)
    chunk: list[int] = []
    held, made = 0.0, 0
    for frame, cost in zip(frames, costs, strict=False):
        # Round to the nearest frame: always rounding up, or always down, would add up.
        if chunk and (held + cost / 2 > target or len(chunk) == MAX_FRAMES):
            yield FrameRange.of(chunk)
            remaining, made = remaining - held, made + 1
            chunk, held = [], 0.0
            if made % workers == 0:
                target = sizing.size(remaining, workers)
        chunk.append(frame)
        held += cost
    if chunk:
        yield FrameRange.of(chunk)
