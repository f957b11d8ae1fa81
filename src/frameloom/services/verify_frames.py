"""VerifyFrames: read what is in S3, not what was reported, and say what comes next."""

import itertools
import math
from typing import Any

from frameloom.model import keys, rounds
from frameloom.model.errors import FramesMissing
from frameloom.model.frames import FrameRange
from frameloom.model.job import Job, Segment
from frameloom.model.messages import ChunkResult
from frameloom.services import measured_times
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Buckets, Store

# 20 seconds of film at 25 frames a second: far below a Lambda's 15 minutes, even at 4K.
SEGMENT_FRAMES = 500
# Below that, as many segments as are encoded at once, each of two groups of pictures or more: shorter ones would cost
# size, with a key frame more each, and time, with an encoder to start. A stack that encodes fewer at once keeps this
# number, since StitchVideo finds the segments by it.
SHORT_SEGMENT, AT_ONCE = 100, 40
# A message that names every one of a million frames helps nobody, and state is bounded.
NAMED_FRAMES = 200


def verify(job_id: str, round_number: int, *, store: Store, buckets: Buckets, at_once: int = AT_ONCE) -> dict[str, Any]:
    """Return the next state, the next round's number, how many frames are missing, and of a film where its list is.

    The list names the film's segments; `at_once` of them are encoded in parallel.

    Raises:
        FramesMissing: the rounds are used up and the job does not allow holes, or its scouts came to nothing.
    """
    job = job_documents.load_job(store, buckets, job_id)
    present = job_documents.present_frames(store, job)
    missing = job.frame_range().without(present)
    if job.renders:
        measured_times.keep(store, buckets, job)
    if round_number == rounds.SCOUTS and not present and (failures := _failures(job, missing, store, buckets)):
        raise _missing(job, missing, f"Tried first, {_tried(failures)} did not render. {_said(failures)}")
    if missing and job.renders and round_number < rounds.LAST:
        return _next("PlanChunks", round_number, missing)
    if missing and (job.on_missing == "fail" or not present):
        raise _missing(job, missing, _reason(job, missing, store, buckets))
    if not job.films:
        return _next("LogJob", round_number, missing)
    job_documents.write_film(store, buckets, job_id, FrameRange.of(present))
    segments = _write_segments(job_id, plan_segments(len(present)), store=store, buckets=buckets)
    return _next("EncodeSegments", round_number, missing, segments=segments | {"at_once": at_once})


def plan_segments(frames: int) -> list[Segment]:
    """Return segments of nearly equal length that cover `frames` present frames once, in order."""
    count = max(1, math.ceil(frames / SEGMENT_FRAMES), min(AT_ONCE, frames // SHORT_SEGMENT))
    edges = [frames * edge // count for edge in range(count + 1)]
    return [
        Segment(segment=index, first=first, count=end - first)
        for index, (first, end) in enumerate(itertools.pairwise(edges))
    ]


def _write_segments(job_id: str, segments: list[Segment], *, store: Store, buckets: Buckets) -> dict[str, Any]:
    """Write the list that EncodeSegments reads, since a state has no room for that of a long film; say where it is."""
    key = keys.segments_key(job_id)
    job_documents.write(store, buckets.logs, key, [segment.to_json() for segment in segments])
    return {"bucket": buckets.logs, "key": key, "count": len(segments)}


def _next(
    state: str, round_number: int, missing: FrameRange, *, segments: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {"next": state, "round": round_number + 1, "missing": len(missing), "segments": segments}


def _named(missing: FrameRange) -> str:
    text = str(missing.slice(0, NAMED_FRAMES))
    return text if len(missing) <= NAMED_FRAMES else f"{text} and {len(missing) - NAMED_FRAMES:,} more"


def _missing(job: Job, missing: FrameRange, reason: str) -> FramesMissing:
    total = len(job.frame_range())
    return FramesMissing(count=len(missing), total=total, frames=_named(missing), reason=reason)


def _reason(job: Job, missing: FrameRange, store: Store, buckets: Buckets) -> str:
    if not job.renders:
        return "A sequence is made of frames that exist: render them first."
    failures = _failures(job, missing, store, buckets)
    return _said(failures) if failures else "No worker said why."


def _failures(job: Job, missing: FrameRange, store: Store, buckets: Buckets) -> list[ChunkResult]:
    """Return the attempts that failed, in order; not of a chunk that the next worker rendered: its frames are there."""
    gone = frozenset(missing)
    return [
        result
        for result in job_documents.chunk_results(store, buckets, job.job_id)
        if result.error and not gone.isdisjoint(FrameRange.parse(result.frames))
    ]


def _said(failures: list[ChunkResult]) -> str:
    return f"The last attempt ended as {failures[-1].error}: {failures[-1].cause}"


def _tried(failures: list[ChunkResult]) -> str:
    frames = sorted({frame for failure in failures for frame in FrameRange.parse(failure.frames)})
    return f"frame {frames[0]}" if len(frames) == 1 else f"frames {', '.join(map(str, frames))}"
