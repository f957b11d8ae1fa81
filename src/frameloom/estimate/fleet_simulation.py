"""A fleet that renders a job, simulated event by event: what its workers cost, and how long it takes.

Measured, on two busy cores, by jobs of one frame a chunk on a local farm with one worker (seconds):

| what | figure | of |
|---|---|---|
| a frame: mean, spread of its logarithm, likeness to the one before | 5.5, 0.5, 0.5 | pottery, 48 frames at 25 % |
| the same, less the last | 7.0, 0.3 | the example, its 17 frames |
| Blender's start | 1.2 | `import bpy` |
| the scene's load | 1.0 | what pottery's first chunk took beside its frames |
| a turn-around | 0.02 to 0.05 | from an answer to the next chunk's first frame |

Assumed, since no farm of that size was there to measure: a turn-around in AWS takes 0.3 seconds, a node is there after
a minute, and a distributed Map sends 100 chunks a second, for each of which KEDA starts a worker. Frames get slower
over the film, from two thirds of the mean to four thirds: else a chunk's place in the film would not matter.
"""

import heapq
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice

from frameloom.model.frames import FrameRange
from frameloom.model.timings import Timings
from frameloom.services.chunk_sizing import TURNAROUND
from frameloom.services.measured_times import SAMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a farm's workers take beside rendering; seconds.

    Attributes:
        node: until the first worker is there.
        rate: workers that come in each second from then on.
        start: Blender's start and the scene's load, of a worker's first chunk.
        turn: from an answer to the next chunk's first frame.
        between: from the last answer of a round to the first chunk of the next.
        patience: how long a worker stays that finds no chunk.
    """

    node: float = 60.0
    rate: float = 100.0
    start: float = 2.2
    turn: float = TURNAROUND
    between: float = 3.0
    patience: float = 120.0


@dataclass(slots=True, kw_only=True)
class Outcome:
    """How a job went; seconds.

    Attributes:
        wall: from the first message to the last answer.
        paid: of all workers, from their start to their end.
        rendered: of all frames.
        idle_from: when each worker that is still there has ended its last chunk.
    """

    wall: float = 0.0
    paid: float = 0.0
    rendered: float = 0.0
    idle_from: list[float] = field(default_factory=list)

    @property
    def efficiency(self) -> float:
        """The part of what the workers cost in which they rendered."""
        return self.rendered / self.paid


@cache
def frame_times(
    frames: int, *, mean: float = 5.5, spread: float = 0.5, kept: float = 0.5, seed: int = 1
) -> list[float]:
    """Return the seconds of each frame: lognormal about the trend, each somewhat like the one before it."""
    source = random.Random(seed)  # noqa: S311  nothing here is secret
    fresh = math.sqrt(1 - kept * kept)
    times, state = [], source.gauss(0, 1)
    for index in range(frames):
        state = kept * state + fresh * source.gauss(0, 1)
        trend = 2 / 3 + 2 / 3 * index / max(1, frames - 1)
        # Less half of the variance: of a lognormal that makes the mean what it says.
        times.append(mean * trend * math.exp(spread * state - spread * spread / 2))
    return times


def known_times(times: Sequence[float], start: float, *, points: int = SAMPLE) -> Timings:
    """Return what an earlier job would have measured, of chunks of five frames."""
    middles = range(0, len(times), max(1, len(times) // points))
    means = {index: times[max(0, index - 2) : index + 3] for index in middles}
    return Timings(start=start, frames={str(index): sum(each) / len(each) for index, each in means.items()})


def seconds_of(chunks: Iterable[FrameRange], times: Sequence[float]) -> Iterator[float]:
    """Yield what each chunk's frames take."""
    return (sum(times[frame] for frame in chunk) for chunk in chunks)


def simulate(
    chunks: Sequence[float], workers: int, costs: Costs, *, out: int, before: Outcome | None = None, seed: int = 1
) -> Outcome:
    """Return how a round of chunks of so many seconds goes.

    Args:
        workers: the most that there are.
        out: messages that may be out at once, the job's `max_workers`.
        before: the round before this one, whose workers may still be there.
    """
    outcome, begun, there = _carry_on(before, costs)
    come = min(workers, len(chunks)) - there
    # When a worker is free, what it pays before its first frame, and since when it is paid.
    heap = [(begun, 0.0, begun)] * there
    arrivals = (begun + costs.node + index / costs.rate for index in range(come))
    heap += [(arrival, costs.start, arrival) for arrival in arrivals]
    heapq.heapify(heap)
    # A queue keeps no order: a worker takes any of the messages that are out, and those are as many as workers may be.
    draw = random.Random(seed).random  # noqa: S311  likewise
    rest = iter(chunks)
    waiting = list(islice(rest, out))
    while True:
        free, start, since = heap[0]
        if free > since:
            # Its answer has the Map send the next message.
            waiting.extend(islice(rest, 1))
        if not waiting:
            break
        at = int(draw() * len(waiting))
        takes, waiting[at] = waiting[at], waiting[-1]
        waiting.pop()
        ended = free + costs.turn + start + takes
        heapq.heapreplace(heap, (ended, 0.0, since))
        outcome.rendered += takes
        outcome.wall = max(outcome.wall, ended)
    # Who comes when nothing is left is paid for nothing, if at all.
    ends = [(min(outcome.wall, free + costs.patience), since) for free, _, since in heap]
    outcome.paid += sum(max(0.0, end - since) for end, since in ends)
    outcome.idle_from = [free for free, _, _ in heap]
    return outcome


def _carry_on(before: Outcome | None, costs: Costs) -> tuple[Outcome, float, int]:
    """Return what an earlier round comes to, when the next begins, and how many workers are still there."""
    if before is None:
        return Outcome(), 0.0, 0
    begun = before.wall + costs.between
    stay = [free for free in before.idle_from if free + costs.patience >= begun]
    # They wait, and that is paid.
    waited = sum(begun - min(before.wall, free + costs.patience) for free in stay)
    return Outcome(paid=before.paid + waited, rendered=before.rendered), begun, len(stay)
