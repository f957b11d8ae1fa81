"""What a job asks of AWS, as a formula in its frames and its chunks: transitions, events, requests, bytes of state.

python -m frameloom.estimate.operations --frames N [--chunks M] [--film] [--scouts] [--json]

It is of a job that goes well, of a scene without outside files, none of whose frames are there yet. A chunk that is
tried again costs its share again. tests/integration/test_orchestrator_scale.py counts the same on the emulator, and
tests/unit/test_operations.py holds the states against the definition; docs/architecture.md says what follows from it.
"""

import argparse
import itertools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from frameloom.services.measured_times import SAMPLE
from frameloom.services.storage.job_documents import RANGE
from frameloom.services.storage.object_io import BLOCK_BYTES, PART_BYTES
from frameloom.services.storage.parallel_listing import PAGE
from frameloom.services.verify_frames import plan_segments

# The states that a job goes through, by what adds them.
ONCE = ("PrepareJob", "AnyJob", "LogJob", "AnnounceSuccess", "Done")
EACH_ROUND = ("PlanChunks", "AnyChunks", "RenderChunks", "VerifyFrames", "NextStep")
BETWEEN_ROUNDS = ("NextRound",)
FILM = ("EncodeSegments", "StitchVideo")
EACH_SEGMENT = ("EncodeSegment",)
EACH_CHUNK = ("RenderChunk",)

# Events in an execution's history, by the type of state. Of each: entered, exited; of a task also scheduled, started,
# succeeded; of a Map, which is a distributed one, started, succeeded, and its run started, succeeded.
EVENTS = {"Choice": 2, "Pass": 2, "Succeed": 2, "Task": 5, "Map": 6}
# One that waits for a token was also submitted.
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
# What s3transfer fetches and sends at once, in bytes; an upload in parts also has a beginning and an end.
TRANSFER = 8 * 1024 * 1024
# A worker's lease of 120 seconds is renewed four times.
BEAT = timedelta(seconds=30)
# Bytes of the state: names and settings, where a scene's key has the 1,024 of S3's longest.
STATE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Requests to S3, as its prices tell them apart: PUT and POST, GET and HEAD, and listings (which cost as PUT)."""

    puts: int = 0
    gets: int = 0
    lists: int = 0

    def __add__(self, other: "Requests") -> "Requests":
        return Requests(puts=self.puts + other.puts, gets=self.gets + other.gets, lists=self.lists + other.lists)

    def times(self, count: int) -> "Requests":
        """Return what so many of these come to."""
        return Requests(puts=self.puts * count, gets=self.gets * count, lists=self.lists * count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """What a job asks of AWS.

    Attributes:
        transitions: states that the job's own execution enters.
        child_transitions: states that the Maps' children enter, all together.
        children: how these are billed.
        parent_events, child_events: the history of the job's own execution, and of a chunk's child, which is longer
            than a segment's: 25,000 at most.
        lambda_calls: by function; of `CollectLogsFunction` at most, a call takes up to a hundred pieces.
        functions, logs, workers, service: S3 requests of the states' Lambdas, of the one that collects logs (at most),
            of the workers, and of Step Functions itself.
        sqs: requests by who makes them and the action. An idle worker adds three a minute.
        tokens: calls of the workers to Step Functions, which cost nothing and have a quota.
        state_bytes: the largest input or output of a state, at most.
    """

    transitions: int
    child_transitions: int
    children: str = "STANDARD"
    parent_events: int
    child_events: int
    lambda_calls: Mapping[str, int]
    functions: Requests
    logs: Requests
    workers: Requests
    service: Requests
    sqs: Mapping[str, int]
    tokens: Mapping[str, int]
    state_bytes: int

    @property
    def s3_puts(self) -> int:
        """How many PUT and POST requests S3 has to answer."""
        return self._s3.puts

    @property
    def s3_gets(self) -> int:
        """How many GET and HEAD requests S3 has to answer."""
        return self._s3.gets

    @property
    def s3_lists(self) -> int:
        """How many listings S3 has to answer, a page each."""
        return self._s3.lists

    @property
    def sqs_requests(self) -> int:
        """How many requests SQS has to answer."""
        return sum(self.sqs.values())

    @property
    def _s3(self) -> Requests:
        return self.functions + self.logs + self.workers + self.service


def operations(
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
) -> Operations:
    """Return what a job asks of AWS.

    Args:
        chunks: of all rounds, so that scouts count too.
        segments: of the film; none without one.
        rounds: 2 where scouts go first.
        workers: how many have a part in it: each fetches the scene once.
        fixed_size: whether the request says how large chunks are, so that nobody asks for times.
        video_bytes: of the film.
        chunk_seconds: how long a chunk takes, for what is said while it does.
    """
    if rounds not in (1, 2):
        raise ValueError("a job that goes well has one round, or two where scouts go first")
    # A worker ships its log once a second at most, and before it answers. A frame ends and the next one begins within
    # one piece; the first begins in a piece of its own.
    pieces = frames + chunks
    films = segments > 0
    beats = 1 + math.floor(chunk_seconds / BEAT.total_seconds())
    return Operations(
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
            "CollectLogsFunction": pieces,
        },
        functions=_sum(
            _prepare(scene_bytes),
            _plan(rounds, fixed_size=fixed_size),
            _verify(frames, chunks, rounds, films=films),
            _encode(frames, segments, video_bytes),
            _stitch(segments, video_bytes),
            _report(frames, chunks, films=films),
        ),
        # CollectLogs stores each piece.
        logs=Requests(puts=pieces),
        workers=_workers(frames, chunks, workers, scene_bytes),
        # A list of chunks or segments is read once by its Map; its manifest and one file of results are written.
        service=Requests(gets=1, puts=2).times(rounds + films),
        sqs={
            "Step Functions: SendMessage": chunks,
            "worker: ReceiveMessage": chunks,
            # The lease is renewed as a chunk begins, and with each beat.
            "worker: ChangeMessageVisibility": chunks * beats,
            "worker: DeleteMessage": chunks,
            "worker: SendMessage": pieces,
            # CollectLogs' poller, where no two pieces come together.
            "Lambda: ReceiveMessage": pieces,
            "Lambda: DeleteMessageBatch": pieces,
        },
        tokens={"SendTaskHeartbeat": chunks * beats, "SendTaskSuccess": chunks},
        state_bytes=STATE,
    )


def parent_events(rounds: int, *, films: bool = False) -> int:
    """Return the length of the job's own history after so many rounds: whatever its frames, chunks and segments."""
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
    # The first page by itself, then ranges side by side from what it ends with.
    edges: list[int] = [PAGE - 1, *range(RANGE, objects - 1, RANGE), objects - 1]
    return 1 + sum(-((begin - end) // PAGE) for begin, end in itertools.pairwise(edges))


def _entered(rounds: int, *, films: bool) -> int:
    return len(ONCE) + len(EACH_ROUND) * rounds + len(BETWEEN_ROUNDS) * (rounds - 1) + (len(FILM) if films else 0)


def _events(states: Iterable[str]) -> int:
    return sum(EVENTS[TYPES.get(state, "Task")] for state in states)


def _prepare(scene_bytes: int) -> Requests:
    """Look at the scene, fetch it, and write the manifest."""
    return Requests(gets=1) + _downloaded(scene_bytes) + Requests(puts=1)


def _plan(rounds: int, *, fixed_size: bool) -> Requests:
    """Read the manifest and the times, list frames of which there are none or three, and write the list of chunks."""
    return Requests(gets=1 if fixed_size else 2, lists=1, puts=1).times(rounds)


def _verify(frames: int, chunks: int, rounds: int, *, films: bool) -> Requests:
    """Read the manifest, list frames and results, and keep the times that some of the results tell."""
    done = [(SCOUTS, SCOUTS), (frames, chunks)][-rounds:]
    rounds_requests = (
        # The manifest, the sample, the times that were known; and the times that are now.
        Requests(gets=1 + min(results, SAMPLE) + 1, lists=listed(present) + _pages(results), puts=1)
        for present, results in done
    )
    # The lists of the film's frames and of its segments.
    return _sum(*rounds_requests, Requests(puts=2 if films else 0))


def _encode(frames: int, segments: int, video_bytes: int) -> Requests:
    """For each segment, read the manifest and the film's list; then each frame once, and store the segment."""
    if not segments:
        return Requests()
    return Requests(gets=2, puts=_sent(video_bytes // segments)).times(segments) + Requests(gets=frames)


def _stitch(segments: int, video_bytes: int) -> Requests:
    """Read the manifest and the film's list, find the film's place, read the segments' blocks, store film and place."""
    if not segments:
        return Requests()
    blocks = segments * max(1, math.ceil(video_bytes / segments / BLOCK_BYTES))
    # The beginning of the upload, its head, the other parts, and its end.
    parts = 3 + math.ceil(max(0, video_bytes - PART_BYTES) / PART_BYTES)
    return Requests(gets=3 + segments + blocks, lists=1, puts=parts + 1)


def _report(frames: int, chunks: int, *, films: bool) -> Requests:
    """Read the manifest, every result and the film's place, list the frames, and write the report."""
    return Requests(gets=1 + chunks + films, lists=_pages(chunks) + listed(frames), puts=1)


def _workers(frames: int, chunks: int, workers: int, scene_bytes: int) -> Requests:
    """Each chunk's frames are listed and its result written, each frame stored; each worker fetches the scene."""
    stored = Requests(puts=1).times(frames) + Requests(puts=1, lists=1).times(chunks)
    return stored + _downloaded(scene_bytes).times(workers)


def _downloaded(size: int) -> Requests:
    """An object is looked at, then fetched in ranges that begin at the same time."""
    return Requests(gets=1 + max(1, math.ceil(size / TRANSFER)))


def _sent(size: int) -> int:
    """Return how many requests store a file: one, or its parts, their beginning and their end."""
    return 1 if size < TRANSFER else math.ceil(size / TRANSFER) + 2


def _pages(objects: int) -> int:
    return max(1, math.ceil(objects / PAGE))


def _sum(*requests: Requests) -> Requests:
    return sum(requests, start=Requests())


def table(found: Operations) -> Table:
    """Return every figure as a row."""
    shown = Table("of", "what", "count", title="What a job asks of AWS")
    shown.columns[2].justify = "right"
    for field in fields(found):
        value = getattr(found, field.name)
        parts = asdict(value) if isinstance(value, Requests) else value
        rows = parts.items() if isinstance(parts, Mapping) else [("", parts)]
        for name, count in rows:
            shown.add_row(field.name, name, f"{count:,}" if isinstance(count, int) else count)
    return shown


def main() -> None:
    """Print what a job asks."""
    parser = argparse.ArgumentParser(prog="python -m frameloom.estimate.operations", description=__doc__)
    parser.add_argument("--frames", type=int, required=True)
    parser.add_argument("--chunks", type=int, help="of all rounds; a frame each, if this is left out")
    parser.add_argument("--film", action="store_true", help="a film is made, in as many segments as the farm would cut")
    parser.add_argument("--scouts", action="store_true", help="three frames are tried first")
    parser.add_argument("--workers", type=int, default=1, help="how many have a part in it (default 1)")
    parser.add_argument("--chunk-seconds", type=float, default=0.0, help="how long a chunk takes (default 0)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    found = operations(
        frames=arguments.frames,
        chunks=arguments.chunks or arguments.frames,
        segments=len(plan_segments(arguments.frames)) if arguments.film else 0,
        rounds=2 if arguments.scouts else 1,
        workers=arguments.workers,
        chunk_seconds=arguments.chunk_seconds,
    )
    if arguments.json:
        totals = {name: getattr(found, name) for name in ("s3_puts", "s3_gets", "s3_lists", "sqs_requests")}
        print(json.dumps(asdict(found) | totals, indent=2))
    else:
        Console().print(table(found))


if __name__ == "__main__":
    main()
