"""The duration and the AWS requests of a job of so many frames on so many workers, worked out before it starts.

Chunks are cut to the planner's own sizes, the fleet is simulated by fleet_simulation.py, and requests come from
aws_requests.py. All frames take the same time: decision 0009 covers uneven frames. The constants below are assumptions,
except where a comment names a measurement.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from frameloom.estimate.aws_requests import HEARTBEAT, SCOUTS, AwsRequests, aws_requests, listed
from frameloom.estimate.fleet_simulation import Costs, Outcome, simulate, simulated_job
from frameloom.model.timings import Timings
from frameloom.services.chunk_sizing import MAX_FRAMES, Sizing
from frameloom.services.plan_chunks import worth_scouting
from frameloom.services.verify_frames import AT_ONCE, plan_segments

# KEDA creates one Kubernetes Job a worker, with a client of at most 20 requests a second
# (https://keda.sh/docs/latest/operate/cluster/, `kube-api-qps`). A distributed Map sends messages faster.
WORKERS_A_SECOND = 20.0
# Seconds: two of KEDA's polls of 15, and a minute until a node has started and pulled the image.
FIRST_WORKER = 75.0
# Seconds that a node is paid and renders nothing: an idle worker stays two minutes, an empty node two minutes
# (cluster/), and a node takes time to start and to stop.
NODE_OVERHEAD = 360.0
# Bytes of a frame (1080p as PNG), of the film for each frame, and of the scene.
FRAME_BYTES, FILM_BYTES, SCENE_BYTES = 3_000_000, 100_000, 100_000_000
# Seconds: PrepareJob downloads and hashes that scene, from a cold start.
PREPARE = 5.0
# Seconds of overhead of any other call.
CALL = 1.0
# Seconds a frame in PlanChunks: measured as 3 s for a million frames on a full core
# (`python -m benchmarks.plan_million`); the function has 58 % of a core.
PLAN_FRAME = 3e-6 / 0.58
# Seconds of processor time for a page of a listing; eight pages are requested in parallel.
PAGE = 0.035
# Seconds to encode a frame of 1080p in a function of 3 GB, and bytes a second through StitchVideo.
ENCODE_FRAME, STITCH_BYTES = 0.11, 75e6
# Seconds for a result that LogJob reads: 30 ms, eight in parallel, of which 1.4 ms are processor time (measured).
RESULT = 0.030 / 8
# Seconds to store a log batch in CollectLogs.
STORE_LOG = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A job, and a fleet that renders nothing else; `max_workers` is the size of the fleet.

    Attributes:
        frames: frames to render.
        workers: the size of the fleet.
        seconds: render time of a frame.
    """

    frames: int
    workers: int
    seconds: float = 60.0

    @property
    def ideal(self) -> float:
        """The seconds that the workers would take without waiting and without starting."""
        return self.seconds * math.ceil(self.frames / self.workers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The duration and the AWS requests of a job.

    Attributes:
        sizes: frames of each chunk, by round.
        segments: segments of the film.
        started_workers: workers that start for the job.
        fleet: the simulated rounds.
        requests: the AWS requests of the job.
        function_seconds: total seconds of all calls, by function.
        steps: seconds by step; the steps follow each other.
    """

    case: Case
    sizes: tuple[tuple[int, ...], ...]
    segments: int
    started_workers: int
    fleet: Outcome
    requests: AwsRequests
    function_seconds: Mapping[str, float]
    steps: Mapping[str, float]

    @property
    def chunks(self) -> int:
        """The number of chunks of all rounds."""
        return sum(map(len, self.sizes))

    @property
    def wall(self) -> float:
        """Seconds from the job's start to its end."""
        return sum(self.steps.values())

    @property
    def heartbeats(self) -> float:
        """The number of heartbeats and lease renewals: one as a chunk begins, and one every half minute."""
        return (
            self.requests.tokens["SendTaskHeartbeat"] + self.case.frames * self.case.seconds / HEARTBEAT.total_seconds()
        )

    @property
    def worker_hours(self) -> float:
        """Hours of the fleet that are paid."""
        return (self.fleet.paid + self.started_workers * NODE_OVERHEAD) / 3600

    @property
    def film_bytes(self) -> int:
        """The size of the film."""
        return self.case.frames * FILM_BYTES


@cache
def estimate(case: Case) -> Estimate:
    """Return the estimate of a successful job with a film, of which no frame was rendered before."""
    sizes = tuple(chunk_rounds(case))
    chunks = sum(map(len, sizes))
    segments = plan_segments(case.frames)
    started_workers = min(case.workers, max(map(len, sizes)))
    requests = aws_requests(
        frames=case.frames,
        chunks=chunks,
        segments=len(segments),
        rounds=len(sizes),
        workers=started_workers,
        scene_bytes=SCENE_BYTES,
        video_bytes=case.frames * FILM_BYTES,
    )
    plan = CALL + PLAN_FRAME * case.frames
    verify = CALL + PAGE * listed(case.frames)
    stitch = CALL + case.frames * FILM_BYTES / STITCH_BYTES
    log = CALL + RESULT * chunks + PAGE * listed(case.frames)
    # Segments are encoded in waves of AT_ONCE.
    encode = math.ceil(len(segments) / AT_ONCE) * ENCODE_FRAME * max(segment.count for segment in segments)
    fleet = _run(case, sizes, between=plan + CALL)
    return Estimate(
        case=case,
        sizes=sizes,
        segments=len(segments),
        started_workers=started_workers,
        fleet=fleet,
        requests=requests,
        function_seconds={
            "PrepareJobFunction": PREPARE,
            "PlanChunksFunction": plan * len(sizes),
            "VerifyFramesFunction": verify + CALL * (len(sizes) - 1),
            "EncodeSegmentFunction": ENCODE_FRAME * case.frames + CALL * len(segments),
            "StitchVideoFunction": stitch,
            "LogJobFunction": log,
            "CollectLogsFunction": STORE_LOG * requests.lambda_calls["CollectLogsFunction"],
        },
        steps={
            "before": PREPARE + plan,
            "render": fleet.wall,
            "verify": verify,
            "film": encode + CALL + stitch,
            "report": log,
        },
    )


def chunk_rounds(case: Case) -> Iterator[tuple[int, ...]]:
    """Yield the chunk sizes of each round, in frames, as the planner cuts a job without measured times."""
    job = simulated_job(case.frames, case.workers)
    if not worth_scouting(job, job.frame_range()):
        yield tuple(chunk_sizes(case.frames, 1.0, Sizing.untimed(case.workers)))
        return
    yield (1,) * SCOUTS
    timings = Timings(start=Costs().start, frames={})
    timeout = job.limits.chunk_timeout - job.limits.queue_timeout
    sizing = Sizing.timed(case.workers, timings, timeout=timeout)
    yield tuple(chunk_sizes(case.frames - SCOUTS, case.seconds, sizing))


def chunk_sizes(frames: int, each: float, sizing: Sizing) -> Iterator[int]:
    """Yield the chunk sizes of `frameloom.services.chunk_sizing` for frames of equal time.

    The planner goes from frame to frame; with equal frames, a whole chunk is one step.

    Args:
        frames: the frames of the round.
        each: seconds of each frame.
        sizing: the planner's sizing.
    """
    useful = sizing.useful_workers(frames * each)
    made = 0
    while frames:
        if made % useful == 0:
            target = sizing.size(frames * each, useful)
        size = min(frames, MAX_FRAMES, max(1, math.floor(target / each - 0.5) + 1))
        yield size
        frames -= size
        made += 1


def _run(case: Case, sizes: tuple[tuple[int, ...], ...], *, between: float) -> Outcome:
    costs = Costs(node=FIRST_WORKER, rate=WORKERS_A_SECOND, between=between)
    outcome: Outcome | None = None
    for chunks in sizes:
        seconds = [size * case.seconds for size in chunks]
        outcome = simulate(seconds, case.workers, costs, out=case.workers, before=outcome)
    if outcome is None:
        raise ValueError("The job has no round.")
    return outcome
