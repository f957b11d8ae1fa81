"""VerifyFrames: read what is in S3, not what was reported, and say what comes next."""

import itertools
import math
from typing import Any

from frameloom.model.errors import FramesMissing
from frameloom.model.frames import FrameRange
from frameloom.model.job import Job, Segment
from frameloom.services import documents
from frameloom.services.ports import Buckets, Store

ROUNDS = 2
# 20 seconds of film at 25 frames a second: far below a Lambda's 15 minutes, even at 4K.
SEGMENT_FRAMES = 500
# A message that names every one of a million frames helps nobody, and state is bounded.
NAMED_FRAMES = 200


def verify(job_id: str, round_number: int, *, store: Store, buckets: Buckets) -> dict[str, Any]:
    """Return the next state, the next round's number, the film's segments and how many frames are missing.

    Raises:
        FramesMissing: the rounds are used up and the job does not allow holes.
    """
    job = documents.load_job(store, buckets, job_id)
    present = documents.present_frames(store, job)
    missing = job.frame_range().without(present)
    if missing and job.renders and round_number < ROUNDS:
        return _next("PlanChunks", round_number, missing, segments=[])
    if missing and (job.on_missing == "fail" or not present):
        raise FramesMissing(
            count=len(missing),
            total=len(job.frame_range()),
            frames=_named(missing),
            reason=_reason(job, missing, store, buckets),
        )
    if not job.films:
        return _next("LogJob", round_number, missing, segments=[])
    documents.write_film(store, buckets, job_id, FrameRange.of(present))
    return _next("EncodeSegments", round_number, missing, segments=plan_segments(len(present)))


def plan_segments(frames: int) -> list[Segment]:
    """Return segments of nearly equal length that cover `frames` present frames once, in order."""
    count = max(1, math.ceil(frames / SEGMENT_FRAMES))
    edges = [frames * edge // count for edge in range(count + 1)]
    return [
        Segment(segment=index, first=first, count=end - first)
        for index, (first, end) in enumerate(itertools.pairwise(edges))
    ]


def _next(state: str, round_number: int, missing: FrameRange, *, segments: list[Segment]) -> dict[str, Any]:
    return {
        "next": state,
        "round": round_number + 1,
        "missing": len(missing),
        "segments": [segment.to_json() for segment in segments],
    }


def _named(missing: FrameRange) -> str:
    text = str(missing.slice(0, NAMED_FRAMES))
    return text if len(missing) <= NAMED_FRAMES else f"{text} and {len(missing) - NAMED_FRAMES:,} more"


def _reason(job: Job, missing: FrameRange, store: Store, buckets: Buckets) -> str:
    if not job.renders:
        return "A sequence is made of frames that exist: render them first."
    gone = frozenset(missing)
    # Not of a chunk that failed once and was rendered by the next worker: its frames are there.
    failures = [
        result
        for result in documents.chunk_results(store, buckets, job.job_id)
        if result.error and not gone.isdisjoint(FrameRange.parse(result.frames))
    ]
    if not failures:
        return "No worker said why."
    return f"The last attempt ended as {failures[-1].error}: {failures[-1].cause}"
