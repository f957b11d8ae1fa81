"""A job of so many frames on so many workers, as far as it can be worked out: its chunks, its requests, its minutes.

Chunks are cut by the planner's own sizes, the fleet is that of src/frameloom/estimate/fleet_simulation.py, and
requests are those
of src/frameloom/estimate/operations.py. All frames take the same time: what slow ones cost is in decision 0009. What
the constants below say is assumed, but for what names a measurement.
"""

import heapq
import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice

from frameloom.estimate.fleet_comparison import Row
from frameloom.estimate.fleet_simulation import Costs, Outcome, simulate
from frameloom.estimate.operations import BEAT, SCOUTS, Operations, listed, operations
from frameloom.model.timings import Timings
from frameloom.services.chunk_sizing import MAX_FRAMES, Sizing
from frameloom.services.plan_chunks import worth_scouting
from frameloom.services.verify_frames import AT_ONCE, plan_segments

# KEDA makes a Kubernetes Job a worker, one after another, by a client that is held to 20 requests a second
# (https://keda.sh/docs/latest/operate/cluster/, `kube-api-qps`). A distributed Map sends messages faster than that.
WORKERS_A_SECOND = 20.0
# Half a minute of KEDA's looks at the queue, one each 15 seconds, and a minute until a node is there with the image.
FIRST_WORKER = 75.0
# An unneeded node stays two minutes (cluster/), a worker without work two minutes, and a node takes time to start and
# end: six minutes per node that render nothing.
NODE_BESIDE = 360.0
# Bytes of a frame, 1080p as PNG; of the film for each frame; of the scene.
FRAME_BYTES, FILM_BYTES, SCENE_BYTES = 3_000_000, 100_000, 100_000_000
# PrepareJob fetches that scene and hashes it, from a cold start.
PREPARE = 5.0
# What any other call takes of itself.
CALL = 1.0
# PlanChunks: measured as 3 s for a million frames (`python -m benchmarks.plan_million`), on a whole core; the function
# has 58 % of one.
PLAN_FRAME = 3e-6 / 0.58
# A page of a listing, of which eight are asked for at once: the processor's time counts.
PAGE = 0.035
# A frame of 1080p in the encoder of 3 GB, and bytes a second that pass through StitchVideo.
ENCODE_FRAME, STITCH_BYTES = 0.11, 75e6
# A result that LogJob reads: 30 ms, eight at once. The processor takes 1.4 ms of it, measured, on a whole core.
RESULT = 0.030 / 8
# CollectLogs stores a piece.
PIECE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A job, and the fleet that is there for it alone; its `max_workers` is the fleet's."""

    frames: int
    workers: int
    seconds: float = 60.0

    @property
    def ideal(self) -> float:
        """The seconds that so many workers take at best: none waits, and none starts."""
        return self.seconds * math.ceil(self.frames / self.workers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a job comes to.

    Attributes:
        sizes: frames of each chunk, by round.
        came: workers that are started.
        fleet: how the rounds went.
        calls: of each function.
        spent: seconds of all calls of each function together.
        steps: seconds of the job, by what it waits for; they follow each other.
    """

    case: Case
    sizes: tuple[tuple[int, ...], ...]
    segments: int
    came: int
    fleet: Outcome
    asked: Operations
    spent: Mapping[str, float]
    steps: Mapping[str, float]

    @property
    def chunks(self) -> int:
        """How many chunks there are, of all rounds."""
        return sum(map(len, self.sizes))

    @property
    def wall(self) -> float:
        """The job's seconds."""
        return sum(self.steps.values())

    @property
    def beats(self) -> float:
        """Renewals of a lease, and as many beats: one as a chunk begins, and one for each half minute of it."""
        return self.asked.tokens["SendTaskHeartbeat"] + self.case.frames * self.case.seconds / BEAT.total_seconds()

    @property
    def worker_hours(self) -> float:
        """What the fleet is paid for."""
        return (self.fleet.paid + self.came * NODE_BESIDE) / 3600

    @property
    def film_bytes(self) -> int:
        """The film."""
        return self.case.frames * FILM_BYTES


@cache
def estimate(case: Case) -> Estimate:
    """Return what a job that goes well comes to, none of whose frames are there; with its film."""
    sizes = tuple(cut(case))
    chunks = sum(map(len, sizes))
    segments = plan_segments(case.frames)
    came = min(case.workers, max(map(len, sizes)))
    asked = operations(
        frames=case.frames,
        chunks=chunks,
        segments=len(segments),
        rounds=len(sizes),
        workers=came,
        scene_bytes=SCENE_BYTES,
        video_bytes=case.frames * FILM_BYTES,
    )
    plan = CALL + PLAN_FRAME * case.frames
    verify = CALL + PAGE * listed(case.frames)
    stitch = CALL + case.frames * FILM_BYTES / STITCH_BYTES
    log = CALL + RESULT * chunks + PAGE * listed(case.frames)
    # As many at once as the Map allows, one such wave after another.
    encode = math.ceil(len(segments) / AT_ONCE) * ENCODE_FRAME * max(segment.count for segment in segments)
    fleet = _run(case, sizes, between=plan + CALL)
    return Estimate(
        case=case,
        sizes=sizes,
        segments=len(segments),
        came=came,
        fleet=fleet,
        asked=asked,
        spent={
            "PrepareJobFunction": PREPARE,
            "PlanChunksFunction": plan * len(sizes),
            "VerifyFramesFunction": verify + CALL * (len(sizes) - 1),
            "EncodeSegmentFunction": ENCODE_FRAME * case.frames + CALL * len(segments),
            "StitchVideoFunction": stitch,
            "LogJobFunction": log,
            "CollectLogsFunction": PIECE * asked.lambda_calls["CollectLogsFunction"],
        },
        steps={
            "before": PREPARE + plan,
            "render": fleet.wall,
            "verify": verify,
            "film": encode + CALL + stitch,
            "report": log,
        },
    )


def cut(case: Case) -> Iterator[tuple[int, ...]]:
    """Yield how many frames each chunk of a round holds, as the planner cuts a job whose times nobody knows yet."""
    job = Row(frames=case.frames, workers=case.workers).job()
    if not worth_scouting(job, job.frame_range()):
        yield tuple(chunk_sizes(case.frames, 1.0, Sizing.untimed(case.workers)))
        return
    yield (1,) * SCOUTS
    timings = Timings(start=Costs().start, frames={})
    timeout = job.limits.chunk_timeout - job.limits.queue_timeout
    sizing = Sizing.timed(case.workers, timings, timeout=timeout)
    yield tuple(chunk_sizes(case.frames - SCOUTS, case.seconds, sizing))


def chunk_sizes(frames: int, each: float, sizing: Sizing) -> Iterator[int]:
    """Yield the sizes that `frameloom.services.chunk_sizing` cuts frames into that all take as long as `each`.

    It goes from frame to frame; where all are alike, a chunk is one step.
    """
    crew = sizing.useful_workers(frames * each)
    made = 0
    while frames:
        if made % crew == 0:
            target = sizing.size(frames * each, crew)
        size = min(frames, MAX_FRAMES, max(1, math.floor(target / each - 0.5) + 1))
        yield size
        frames -= size
        made += 1


def longest_wait(case: Case, max_workers: int) -> float:
    """Return how long the last of a job's first messages waits for a worker, where the job expects more than there are.

    As many chunks are out as `max_workers` says, and the queue hands them out roughly as they came.
    """
    *_, sizes = cut(Case(frames=case.frames, workers=max_workers, seconds=case.seconds))
    out = min(max_workers, len(sizes))
    return (math.ceil(out / case.workers) - 1) * max(sizes) * case.seconds


def given_up(case: Case, max_workers: int, patience: float) -> tuple[int, int]:
    """Return how many chunks of a job's main round wait too long both times that they may, and how many there are.

    The queue is taken to hand messages out as they came, and who takes one that nobody waits for any more drops it at
    once. A chunk is sent once more, behind all others, and counts as failed when that was in vain as well.
    """
    *_, sizes = cut(Case(frames=case.frames, workers=max_workers, seconds=case.seconds))
    rest = iter(sizes)
    waiting = deque((0.0, size, 1) for size in islice(rest, max_workers))
    # When each worker is free, and whether it has a chunk to answer then.
    free = [(0.0, False)] * case.workers
    failed = 0
    while waiting:
        now, answers = free[0]
        # All have the same patience, so the first that was sent is the first that nobody waits for.
        while waiting and waiting[0][0] + patience <= now:
            sent, size, attempt = waiting.popleft()
            if attempt == 1:
                waiting.append((sent + patience, size, 2))
                continue
            failed += 1
            waiting.extend((sent + patience, size, 1) for size in islice(rest, 1))
        if answers:
            # Its answer has the Map send the next one.
            waiting.extend((now, size, 1) for size in islice(rest, 1))
        if waiting:
            _, size, _ = waiting.popleft()
            heapq.heapreplace(free, (now + size * case.seconds, True))
    return failed, len(sizes)


def _run(case: Case, sizes: tuple[tuple[int, ...], ...], *, between: float) -> Outcome:
    costs = Costs(node=FIRST_WORKER, rate=WORKERS_A_SECOND, between=between)
    outcome: Outcome | None = None
    for chunks in sizes:
        seconds = [size * case.seconds for size in chunks]
        outcome = simulate(seconds, case.workers, costs, out=case.workers, before=outcome)
    if outcome is None:
        raise ValueError("a job has a round")
    return outcome
