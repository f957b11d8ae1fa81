"""Simulates a fleet that renders a job, event by event: the paid time of its workers, and the job's duration.

Measured on two busy cores, with jobs of one frame a chunk on a local farm with one worker (seconds):

| quantity | value | measured on |
|---|---|---|
| a frame: mean, deviation of its logarithm, correlation with the last | 5.5, 0.5, 0.5 | pottery, 48 frames at 25 % |
| the same, without correlation | 7.0, 0.3 | the example, its 17 frames |
| Blender's start | 1.2 | `import bpy` |
| loading the scene | 1.0 | pottery's first chunk without its frames |
| a turn-around | 0.02 to 0.05 | from a result to the next chunk's first frame |

Assumed, since no farm of that size was available: a turn-around in AWS takes 0.3 seconds, the first node starts after a
minute, and a distributed Map sends 100 chunks a second, for each of which KEDA starts a worker. Frames get slower over
the film, from two thirds of the mean to four thirds; otherwise a chunk's position in the film would not matter.
"""

import heapq
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice

from frameloom.model.frames import FrameRange
from frameloom.model.job import Job, Limits, OutputRef, SceneRef
from frameloom.model.settings import RenderSettings, VideoSettings
from frameloom.model.timings import Timings
from frameloom.services.chunk_sizing import TURNAROUND
from frameloom.services.measured_times import SAMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Times of a farm's workers in addition to rendering; seconds, but for `rate`.

    Attributes:
        node: until the first worker has started.
        rate: workers that start in each second from then on.
        start: Blender's start and the loading of the scene, for a worker's first chunk.
        turn: from a result to the next chunk's first frame.
        between: from the last result of a round to the first chunk of the next.
        idle_timeout: until a worker without a chunk stops.
    """

    node: float = 60.0
    rate: float = 100.0
    start: float = 2.2
    turn: float = TURNAROUND
    between: float = 3.0
    idle_timeout: float = 120.0


@dataclass(slots=True, kw_only=True)
class Outcome:
    """The result of a simulated job; seconds.

    Attributes:
        wall: from the first message to the last result.
        paid: of all workers, from their start to their end.
        rendered: of all frames.
        idle_from: the time when each remaining worker ended its last chunk.
    """

    wall: float = 0.0
    paid: float = 0.0
    rendered: float = 0.0
    idle_from: list[float] = field(default_factory=list)

    @property
    def efficiency(self) -> float:
        """The share of the paid time in which workers rendered."""
        return self.rendered / self.paid


def simulated_job(frames: int, workers: int) -> Job:
    """Return the manifest of a job of frames 0 to `frames - 1`, as the planner reads it."""
    return Job(
        job_id="simulated",
        started="",
        scene=SceneRef(bucket="", key="shot.blend", digest=""),
        frames=f"0-{frames - 1}",
        fps="24",
        settings=RenderSettings(),
        outputs=OutputRef(bucket="frames", prefix="film/shot/0123456789abcdef/"),
        output="frames",
        on_missing="fail",
        video=VideoSettings(),
        limits=Limits(max_workers=workers, queue_timeout=14_400, chunk_timeout=43_200),
    )


@cache
def frame_times(
    frames: int, *, mean: float = 5.5, spread: float = 0.5, kept: float = 0.5, seed: int = 1
) -> list[float]:
    """Return the seconds of each frame: lognormal around the trend, correlated with the previous frame by `kept`."""
    source = random.Random(seed)  # noqa: S311  not for secrets
    fresh = math.sqrt(1 - kept * kept)
    times, state = [], source.gauss(0, 1)
    for index in range(frames):
        state = kept * state + fresh * source.gauss(0, 1)
        trend = 2 / 3 + 2 / 3 * index / max(1, frames - 1)
        # Minus half of the variance, so that the lognormal's mean is `mean`.
        times.append(mean * trend * math.exp(spread * state - spread * spread / 2))
    return times


def known_times(times: Sequence[float], start: float, *, points: int = SAMPLE) -> Timings:
    """Return the times that an earlier job would have measured, as means of five frames."""
    middles = range(0, len(times), max(1, len(times) // points))
    means = {index: times[max(0, index - 2) : index + 3] for index in middles}
    return Timings(start=start, frames={str(index): sum(each) / len(each) for index, each in means.items()})


def seconds_of(chunks: Iterable[FrameRange], times: Sequence[float]) -> Iterator[float]:
    """Yield the seconds of each chunk."""
    return (sum(times[frame] for frame in chunk) for chunk in chunks)


def simulate(
    chunks: Sequence[float], workers: int, costs: Costs, *, out: int, before: Outcome | None = None, seed: int = 1
) -> Outcome:
    """Return the result of a round.

    Args:
        chunks: seconds of each chunk.
        workers: the maximum size of the fleet.
        costs: times in addition to rendering.
        out: messages that may be out at the same time, the job's `max_workers`.
        before: the previous round, whose workers may still run.
        seed: decides the order in which the queue delivers messages.
    """
    outcome, begun, there = _carry_on(before, costs)
    come = min(workers, len(chunks)) - there
    # For each worker: when it is free, its start-up time before the next frame, and since when it is paid.
    heap = [(begun, 0.0, begun)] * there
    arrivals = (begun + costs.node + index / costs.rate for index in range(come))
    heap += [(arrival, costs.start, arrival) for arrival in arrivals]
    heapq.heapify(heap)
    # SQS keeps no order: a worker receives any of the messages that are out.
    draw = random.Random(seed).random  # noqa: S311  not for secrets
    rest = iter(chunks)
    waiting = list(islice(rest, out))
    while True:
        free, start, since = heap[0]
        if free > since:
            # After each result the Map sends the next message.
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
    # A worker that starts when no chunk is left is not paid.
    ends = [(min(outcome.wall, free + costs.idle_timeout), since) for free, _, since in heap]
    outcome.paid += sum(max(0.0, end - since) for end, since in ends)
    outcome.idle_from = [free for free, _, _ in heap]
    return outcome


def _carry_on(before: Outcome | None, costs: Costs) -> tuple[Outcome, float, int]:
    """Return the result of the previous round, the start of the next, and the number of remaining workers."""
    if before is None:
        return Outcome(), 0.0, 0
    begun = before.wall + costs.between
    stay = [free for free in before.idle_from if free + costs.idle_timeout >= begun]
    # Waiting is paid.
    waited = sum(begun - min(before.wall, free + costs.idle_timeout) for free in stay)
    return Outcome(paid=before.paid + waited, rendered=before.rendered), begun, len(stay)
