"""How many frames a chunk holds: many at first, few at the end, so that all workers end together.

The way is factoring: chunks come in batches, one for each worker, and a batch holds a fixed part of what is left. The
source is S. F. Hummel, E. Schonberg, L. E. Flynn, "Factoring: a method for scheduling parallel loops", Communications
of the ACM 35(8), 1992. Its part is a half where little is known of the spread, and less the more there is of that: a
third, for frames as uneven as those that `src/frameloom/estimate/fleet_simulation.py` was measured on. Guided
self-scheduling (C.
D. Polychronopoulos, D. J. Kuck, IEEE Transactions on Computers C-36(12), 1987) gives a worker its whole share of what
is left, so that slow frames at a film's beginning keep one worker busy when all others have ended. Trapezoid
self-scheduling (T. H. Tzeng, L. M. Ni, IEEE Transactions on Parallel and Distributed Systems 4(1), 1993) begins with
half of it and falls by one step from chunk to chunk; batches are as simple where the list is made in advance.

Shares are of seconds where the frames' times are known, and of frames where they are not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat

from frameloom.model.frames import FrameRange
from frameloom.model.timings import Timings
from frameloom.services.measured_times import seconds_of

# Blender's start may cost a worker a twentieth of all that it renders, and a turn-around of the chunk that it is for.
WORTH = 20
# Seconds from an answer to the next chunk's first frame: an execution, a message, a look at which frames are there.
TURN_AROUND = 0.3
# A batch holds a third of what is left.
BATCH = 1 / 3
# A chunk's seconds: other jobs' turn should come, and a chunk that kills three workers is lost.
LONGEST = 3600.0
# A chunk's frames: a worker asks S3 for each of them, and names them in its message.
MOST_FRAMES = 1000
# Frames of a chunk where no time is known.
FEWEST_BLINDLY, MOST_BLINDLY = 3, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """What chunks are sized by; all of it in one unit, seconds or frames.

    Attributes:
        start: what Blender's start and the scene's load cost, which a worker pays once.
        shortest: the least that a chunk is worth its turn-around with.
        longest: the most that a chunk may hold.
    """

    workers: int
    start: float
    shortest: float
    longest: float

    @classmethod
    def blind(cls, workers: int) -> "Sizing":
        """Return the sizing in frames, where no time is known."""
        return cls(workers=workers, start=0.0, shortest=FEWEST_BLINDLY, longest=MOST_BLINDLY)

    @classmethod
    def measured(cls, workers: int, timings: Timings, *, patience: float) -> "Sizing":
        """Return the sizing in seconds.

        Args:
            patience: seconds after which a chunk's time is up.
        """
        # Well within: frames may take four times as long as those that were measured.
        longest = min(max(LONGEST, WORTH * timings.start), patience / 4)
        return cls(workers=workers, start=timings.start, shortest=WORTH * TURN_AROUND, longest=longest)

    def crew(self, work: float) -> int:
        """Return how many workers have so much work that their start is worth it."""
        if not self.start:
            return self.workers
        return max(1, int(min(self.workers, work / (WORTH * self.start))))

    def size(self, left: float, crew: int) -> float:
        """Return what each chunk of a batch should hold, of what is left when the batch begins."""
        return min(self.longest, max(self.shortest, BATCH * left / crew))


def sized(frames: FrameRange, workers: int, timings: Timings | None, *, patience: float) -> Iterator[FrameRange]:
    """Yield chunks that hold every frame exactly once, in order, sized for so many workers.

    Args:
        timings: what is known of the scene's times.
        patience: seconds after which a chunk's time is up.
    """
    if timings is None:
        yield from _cut(frames, repeat(1.0), float(len(frames)), Sizing.blind(workers))
    else:
        sizing = Sizing.measured(workers, timings, patience=patience)
        yield from _cut(frames, seconds_of(frames, timings), sum(seconds_of(frames, timings)), sizing)


def _cut(frames: FrameRange, each: Iterable[float], work: float, sizing: Sizing) -> Iterator[FrameRange]:
    """Yield the chunks; `each` is what each frame takes, and `work` their sum."""
    crew, left = sizing.crew(work), work
    target = sizing.size(left, crew)
    chunk: list[int] = []
    held, made = 0.0, 0
    for frame, takes in zip(frames, each, strict=False):
        # To the nearest frame: always one too many, or one too few, would add up.
        if chunk and (held + takes / 2 > target or len(chunk) == MOST_FRAMES):
            yield FrameRange.of(chunk)
            left, made = left - held, made + 1
            chunk, held = [], 0.0
            if made % crew == 0:
                target = sizing.size(left, crew)
        chunk.append(frame)
        held += takes
    if chunk:
        yield FrameRange.of(chunk)
