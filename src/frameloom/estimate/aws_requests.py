"""The AWS requests of a job, as a formula in its frames and its chunks: transitions, events, requests, state bytes.

The formula holds for a job that succeeds at the first attempt, of a scene without external files, with no frame
rendered before. A retried chunk costs its share again. tests/integration/test_orchestrator_scale.py counts the same
requests on the emulator, and tests/unit/test_aws_requests.py compares the states with the definition.
"""

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from frameloom.services.measured_times import SAMPLE
from frameloom.services.storage.job_documents import RANGE
from frameloom.services.storage.object_io import BLOCK_BYTES, PART_BYTES
from frameloom.services.storage.parallel_listing import PAGE

# The states of a successful job, grouped by how often a job enters them.
ONCE = ("PrepareJob", "AnyJob", "LogJob", "AnnounceSuccess", "Done")
EACH_ROUND = ("PlanChunks", "AnyChunks", "RenderChunks", "VerifyFrames", "NextStep")
BETWEEN_ROUNDS = ("NextRound",)
FILM = ("EncodeSegments", "StitchVideo")
EACH_SEGMENT = ("EncodeSegment",)
EACH_CHUNK = ("RenderChunk",)

# Events in an execution's history, by type of state. Each state is entered and exited; a task is also scheduled,
# started and succeeded; a distributed Map also starts and succeeds, and so does its run.
EVENTS = {"Choice": 2, "Pass": 2, "Succeed": 2, "Task": 5, "Map": 6}
# A task that waits for a token is also submitted.
TOKEN_EVENTS = EVENTS["Task"] + 1
# An execution: started, succeeded.
EXECUTION_EVENTS = 2
TYPES = {
    "AnyJob": "Choice",
    "AnyChunks": "Choice",
    "NextStep": "Choice",
    "NextRound": "Pass",
    "Done": "Succeed",
    "RenderChunks": "Map",
    "EncodeSegments": "Map",
}

SCOUTS = 3
# Bytes of a range or part of s3transfer; a multipart upload has two more requests, to create and to complete it.
TRANSFER_BYTES = 8 * 1024 * 1024
# A quarter of a worker's lease of 120 seconds.
HEARTBEAT = timedelta(seconds=30)
# Bytes of the state: names and settings, with a scene's key of S3's maximum, 1,024 bytes.
STATE_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Requests:
    """Requests to S3 by price: PUT and POST, GET and HEAD, and LIST, which costs as much as PUT."""

    puts: int = 0
    gets: int = 0
    lists: int = 0

    def __add__(self, other: "S3Requests") -> "S3Requests":
        return S3Requests(puts=self.puts + other.puts, gets=self.gets + other.gets, lists=self.lists + other.lists)

    def times(self, count: int) -> "S3Requests":
        """Return these requests, `count` times."""
        return S3Requests(puts=self.puts * count, gets=self.gets * count, lists=self.lists * count)


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsRequests:
    """The AWS requests of a job.

    Attributes:
        transitions: states that the job's own execution enters.
        child_transitions: states that all children of its Maps enter.
        children: the execution type of the children.
        parent_events: length of the history of the job's own execution; Step Functions allows 25,000.
        child_events: length of the history of a chunk's child execution, which is longer than a segment's.
        lambda_calls: calls by function. CollectLogsFunction takes up to 100 log batches a call; this is its maximum.
        functions: S3 requests of the states' functions.
        logs: S3 requests of CollectLogs, at most.
        workers: S3 requests of the workers.
        service: S3 requests of Step Functions itself.
        sqs: SQS requests by caller and action. An idle worker adds three a minute.
        tokens: calls of the workers to Step Functions, which are free and have a quota.
        state_bytes: the largest input or output of a state, at most.
    """

    transitions: int
    child_transitions: int
    children: str = "STANDARD"
    parent_events: int
    child_events: int
    lambda_calls: Mapping[str, int]
    functions: S3Requests
    logs: S3Requests
    workers: S3Requests
    service: S3Requests
    sqs: Mapping[str, int]
    tokens: Mapping[str, int]
    state_bytes: int

    @property
    def s3_puts(self) -> int:
        """The number of PUT and POST requests to S3."""
        return self._s3.puts

    @property
    def s3_gets(self) -> int:
        """The number of GET and HEAD requests to S3."""
        return self._s3.gets

    @property
    def s3_lists(self) -> int:
        """The number of LIST requests to S3, one a page."""
        return self._s3.lists

    @property
    def sqs_requests(self) -> int:
        """The number of requests to SQS."""
        return sum(self.sqs.values())

    @property
    def _s3(self) -> S3Requests:
        return self.functions + self.logs + self.workers + self.service


def aws_requests(
    *,
    frames: int,
    chunks: int,
    segments: int = 0,
    rounds: int = 1,
    workers: int = 1,
    fixed_size: bool = False,
    scene_bytes: int = 0,
    video_bytes: int = 0,
    chunk_seconds: float = 0.0,
) -> AwsRequests:
    """Return the AWS requests of a job.

    Args:
        frames: all of them are rendered.
        chunks: of all rounds, scouts included.
        segments: of the film; 0 without a film.
        rounds: 2 where scouts are rendered first.
        workers: workers that take part; each downloads the scene once.
        fixed_size: whether the request sets the chunk size, so that no measured times are read.
        scene_bytes: size of the scene.
        video_bytes: size of the film.
        chunk_seconds: duration of a chunk, which decides the number of its heartbeats.

    Raises:
        ValueError: `rounds` is neither 1 nor 2.
    """
    if rounds not in (1, 2):
        raise ValueError(f"rounds must be 1, or 2 where scouts are rendered first, not {rounds}")
    # A worker ships its log at most once a second, and before it reports a result. One batch holds the end of a frame
    # and the start of the next; the first frame's start is a batch of its own.
    log_batches = frames + chunks
    films = segments > 0
    heartbeats = 1 + math.floor(chunk_seconds / HEARTBEAT.total_seconds())
    return AwsRequests(
        transitions=_entered(rounds, films=films),
        child_transitions=chunks * len(EACH_CHUNK) + segments * len(EACH_SEGMENT),
        parent_events=parent_events(rounds, films=films),
        child_events=EXECUTION_EVENTS + TOKEN_EVENTS,
        lambda_calls={
            "PrepareJobFunction": 1,
            "PlanChunksFunction": rounds,
            "VerifyFramesFunction": rounds,
            "EncodeSegmentFunction": segments,
            "StitchVideoFunction": 1 if films else 0,
            "LogJobFunction": 1,
            "CollectLogsFunction": log_batches,
        },
        functions=_sum(
            _prepare(scene_bytes),
            _plan(rounds, fixed_size=fixed_size),
            _verify(frames, chunks, rounds, films=films),
            _encode(frames, segments, video_bytes),
            _stitch(segments, video_bytes),
            _report(frames, chunks, films=films),
        ),
        # CollectLogs stores each batch.
        logs=S3Requests(puts=log_batches),
        workers=_workers(frames, chunks, workers, scene_bytes),
        # A Map reads its list of chunks or segments once, and writes its manifest and one file of results.
        service=S3Requests(gets=1, puts=2).times(rounds + films),
        sqs={
            "Step Functions: SendMessage": chunks,
            "worker: ReceiveMessage": chunks,
            # The lease is renewed as a chunk begins, and with each heartbeat.
            "worker: ChangeMessageVisibility": chunks * heartbeats,
            "worker: DeleteMessage": chunks,
            "worker: SendMessage": log_batches,
            # The poller of CollectLogs, where each batch arrives alone.
            "Lambda: ReceiveMessage": log_batches,
            "Lambda: DeleteMessageBatch": log_batches,
        },
        tokens={"SendTaskHeartbeat": chunks * heartbeats, "SendTaskSuccess": chunks},
        state_bytes=STATE_BYTES,
    )


def parent_events(rounds: int, *, films: bool = False) -> int:
    """Return the length of the job's own history, which does not depend on frames, chunks and segments."""
    return (
        EXECUTION_EVENTS
        + _events(ONCE)
        + _events(EACH_ROUND) * rounds
        + _events(BETWEEN_ROUNDS) * (rounds - 1)
        + (_events(FILM) if films else 0)
    )


def listed(objects: int) -> int:
    """Return the number of pages that list so many frames: see frameloom.services.storage.parallel_listing."""
    if objects <= PAGE:
        return 1
    # The first page alone, then ranges in parallel from its last key on.
    edges: list[int] = [PAGE - 1, *range(RANGE, objects - 1, RANGE), objects - 1]
    return 1 + sum(-((begin - end) // PAGE) for begin, end in itertools.pairwise(edges))


def _entered(rounds: int, *, films: bool) -> int:
    return len(ONCE) + len(EACH_ROUND) * rounds + len(BETWEEN_ROUNDS) * (rounds - 1) + (len(FILM) if films else 0)


def _events(states: Iterable[str]) -> int:
    return sum(EVENTS[TYPES.get(state, "Task")] for state in states)


def _prepare(scene_bytes: int) -> S3Requests:
    """Read the scene's head, download it, and write the manifest."""
    return S3Requests(gets=1) + _downloaded(scene_bytes) + S3Requests(puts=1)


def _plan(rounds: int, *, fixed_size: bool) -> S3Requests:
    """Read the manifest and the times, list the frames (at most three so far), and write the list of chunks."""
    return S3Requests(gets=1 if fixed_size else 2, lists=1, puts=1).times(rounds)


def _verify(frames: int, chunks: int, rounds: int, *, films: bool) -> S3Requests:
    """Read the manifest, list frames and results, and store the times of a sample of the results."""
    done = [(SCOUTS, SCOUTS), (frames, chunks)][-rounds:]
    by_round = (
        # Reads: the manifest, the sample, the known times. Writes: the new times.
        S3Requests(gets=1 + min(results, SAMPLE) + 1, lists=listed(present) + _pages(results), puts=1)
        for present, results in done
    )
    # The lists of the film's frames and of its segments.
    return _sum(*by_round, S3Requests(puts=2 if films else 0))


def _encode(frames: int, segments: int, video_bytes: int) -> S3Requests:
    """For each segment, read the manifest and the film's list, read each frame once, and store the segment."""
    if not segments:
        return S3Requests()
    return S3Requests(gets=2, puts=_sent(video_bytes // segments)).times(segments) + S3Requests(gets=frames)


def _stitch(segments: int, video_bytes: int) -> S3Requests:
    """Read the manifest, the film's list and the segments; find the film's key; store the film and its key."""
    if not segments:
        return S3Requests()
    blocks = segments * max(1, math.ceil(video_bytes / segments / BLOCK_BYTES))
    # Create the upload, send its head and the other parts, and complete it.
    parts = 3 + math.ceil(max(0, video_bytes - PART_BYTES) / PART_BYTES)
    return S3Requests(gets=3 + segments + blocks, lists=1, puts=parts + 1)


def _report(frames: int, chunks: int, *, films: bool) -> S3Requests:
    """Read the manifest, each result and the film's key, list the frames, and write the report."""
    return S3Requests(gets=1 + chunks + films, lists=_pages(chunks) + listed(frames), puts=1)


def _workers(frames: int, chunks: int, workers: int, scene_bytes: int) -> S3Requests:
    """List each chunk's frames and write its result, store each frame; each worker downloads the scene."""
    stored = S3Requests(puts=1).times(frames) + S3Requests(puts=1, lists=1).times(chunks)
    return stored + _downloaded(scene_bytes).times(workers)


def _downloaded(size: int) -> S3Requests:
    """A HEAD request, then one GET for each range."""
    return S3Requests(gets=1 + max(1, math.ceil(size / TRANSFER_BYTES)))


def _sent(size: int) -> int:
    """Return the requests that store a file: one, or its parts and two more for a multipart upload."""
    return 1 if size < TRANSFER_BYTES else math.ceil(size / TRANSFER_BYTES) + 2


def _pages(objects: int) -> int:
    return max(1, math.ceil(objects / PAGE))


def _sum(*requests: S3Requests) -> S3Requests:
    return sum(requests, start=S3Requests())
