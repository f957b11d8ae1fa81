"""VerifyFrames: checks which frames exist in S3, whatever workers reported, and chooses the next state."""

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

# 20 seconds of film at 25 frames per second. Even at 4K, that is far below a Lambda's 15 minutes.
SEGMENT_FRAMES = 500
# A film of fewer frames gets up to 40 segments, which are encoded in parallel, of at least two groups of pictures each.
# Shorter segments would cost size, for a key frame each, and time, for an encoder's start each. A stack with fewer
# encoders has the same segments, since StitchVideo computes their keys from this number.
SHORT_SEGMENT, AT_ONCE = 100, 40
# The most frames in a message, which is part of the execution's state.
MAX_FRAMES_IN_MESSAGE = 200


def verify(job_id: str, round_number: int, *, store: Store, buckets: Buckets, at_once: int = AT_ONCE) -> dict[str, Any]:
    """Return the next state, the next round, the number of missing frames, and the location of the list of segments.

    Args:
        at_once: the number of segments to encode in parallel.

    Raises:
        FramesMissing: frames are missing after the last round and the job does not allow that, or no scout rendered.
    """
    job = job_documents.load_job(store, buckets, job_id)
    present = job_documents.present_frames(store, job)
    missing = job.frame_range().without(present)
    if job.renders_frames:
        measured_times.update(store, buckets, job)
    if round_number == rounds.SCOUTS and not present and (failures := _failures(job, missing, store, buckets)):
        raise _missing(job, missing, f"{_tried(failures)}, rendered first, failed. {_last_failure(failures)}")
    if missing and job.renders_frames and round_number < rounds.LAST:
        return _next("PlanChunks", round_number, missing)
    if missing and (job.on_missing == "fail" or not present):
        raise _missing(job, missing, _reason(job, missing, store, buckets))
    if not job.makes_film:
        return _next("LogJob", round_number, missing)
    job_documents.write_film(store, buckets, job_id, FrameRange.of(present))
    segments = _write_segments(job_id, plan_segments(len(present)), store=store, buckets=buckets)
    return _next("EncodeSegments", round_number, missing, segments=segments | {"at_once": at_once})


def plan_segments(frames: int) -> list[Segment]:
    """Return segments of nearly equal length that cover `frames` existing frames once, in order."""
    count = max(1, math.ceil(frames / SEGMENT_FRAMES), min(AT_ONCE, frames // SHORT_SEGMENT))
    edges = [frames * edge // count for edge in range(count + 1)]
    return [
        Segment(segment=index, first=first, count=end - first)
        for index, (first, end) in enumerate(itertools.pairwise(edges))
    ]


def _write_segments(job_id: str, segments: list[Segment], *, store: Store, buckets: Buckets) -> dict[str, Any]:
    """Write the list that EncodeSegments reads, which is too long for a state; return its bucket, key and length."""
    key = keys.segments_key(job_id)
    job_documents.write(store, buckets.logs, key, [segment.to_json() for segment in segments])
    return {"bucket": buckets.logs, "key": key, "count": len(segments)}


def _next(
    state: str, round_number: int, missing: FrameRange, *, segments: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {"next": state, "round": round_number + 1, "missing": len(missing), "segments": segments}


def _missing(job: Job, missing: FrameRange, reason: str) -> FramesMissing:
    frames = str(missing.slice(0, MAX_FRAMES_IN_MESSAGE))
    if len(missing) > MAX_FRAMES_IN_MESSAGE:
        frames += f" and {len(missing) - MAX_FRAMES_IN_MESSAGE:,} more"
    return FramesMissing(count=len(missing), total=len(job.frame_range()), frames=frames, reason=reason)


def _reason(job: Job, missing: FrameRange, store: Store, buckets: Buckets) -> str:
    if not job.renders_frames:
        return 'A job with output "video" needs existing frames: render them first.'
    failures = _failures(job, missing, store, buckets)
    return _last_failure(failures) if failures else "No worker reported an error."


def _failures(job: Job, missing: FrameRange, store: Store, buckets: Buckets) -> list[ChunkResult]:
    """Return the failed attempts at missing frames, in order. Frames that a later attempt rendered are not missing."""
    frames = frozenset(missing)
    return [
        result
        for result in job_documents.chunk_results(store, buckets, job.job_id)
        if result.error and not frames.isdisjoint(FrameRange.parse(result.frames))
    ]


def _last_failure(failures: list[ChunkResult]) -> str:
    return f"The last attempt failed with {failures[-1].error}: {failures[-1].cause}"


def _tried(failures: list[ChunkResult]) -> str:
    frames = sorted({frame for failure in failures for frame in FrameRange.parse(failure.frames)})
    return f"Frame {frames[0]}" if len(frames) == 1 else f"Frames {', '.join(map(str, frames))}"
