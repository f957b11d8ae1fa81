"""PlanChunks: divides the missing frames of a job into chunks."""

import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from frameloom.model import keys, rounds
from frameloom.model.frames import FrameRange
from frameloom.model.job import Job
from frameloom.model.messages import ChunkSpec
from frameloom.model.timings import Timings
from frameloom.services import measured_times
from frameloom.services.chunk_sizing import MIN_WORK_RATIO, sized_chunks
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Buckets, Store

# A job with fewer frames ends before scouts would help.
MIN_FRAMES_TO_SCOUT = 100
# Up to this many frames, each frame of the last round is a chunk.
MAX_SINGLE_FRAMES = 1000


def plan(job_id: str, round_number: int, *, store: Store, buckets: Buckets) -> dict[str, Any]:
    """Write the list of a round's chunks; return its bucket, key and length, and the number of the round.

    Chunks cover every frame that is missing in S3 exactly once, in order, so a repeated job and a second round render
    only missing frames. A job without scouts skips their round: it gets the chunks of round 1.
    """
    job = job_documents.load_job(store, buckets, job_id)
    missing = missing_frames(job, store)
    known = measured_times.load(store, buckets, job) if missing and job.chunk_size is None else None
    if round_number == rounds.SCOUTS and not (known is None and worth_scouting(job, missing)):
        round_number = rounds.FIRST
    chunks = scouts(missing) if round_number == rounds.SCOUTS else chunk_frames(job, missing, known, round_number)
    key = keys.chunks_key(job_id, round_number)
    data, count = _to_json(chunks, round_number)
    store.put(buckets.logs, key, data, content_type="application/json")
    return {"bucket": buckets.logs, "key": key, "count": count, "round": round_number}


def missing_frames(job: Job, store: Store) -> FrameRange:
    """Return the frames that the job still has to render, none for a job that only makes a film."""
    return job.frame_range().without(job_documents.present_frames(store, job)) if job.renders_frames else FrameRange(())


def worth_scouting(job: Job, missing: FrameRange) -> bool:
    """Return whether a job without known times should render three scouts before all other frames.

    The fleet waits for the scouts about as long as a frame takes, so each worker must have at least twenty frames.
    A scene with an existing frame renders without errors, and a job with a `chunk_size` needs no times.
    """
    fewest = max(MIN_FRAMES_TO_SCOUT, MIN_WORK_RATIO * job.limits.max_workers)
    if job.scene.order is not None:
        return False
    return job.chunk_size is None and fewest <= len(missing) == len(job.frame_range())


def scouts(frames: FrameRange) -> Iterator[FrameRange]:
    """Yield the first, the middle and the last frame, each as a chunk."""
    for index in (0, len(frames) // 2, len(frames) - 1):
        yield frames.slice(index, 1)


def chunk_frames(
    job: Job, frames: FrameRange, known: Timings | None, round_number: int = rounds.FIRST
) -> Iterator[FrameRange]:
    """Return the frames in chunks of the job's `chunk_size`, or of sizes for its workers and its times.

    Frames that depend on each other are one chunk.
    """
    if job.scene.order is not None:
        # One worker takes the simulations through all frames.
        return iter([frames] if frames else [])
    if job.chunk_size is not None:
        return frames.chunks(job.chunk_size)
    if round_number == rounds.LAST and len(frames) <= MAX_SINGLE_FRAMES:
        # A frame that cannot be rendered fails each attempt at its chunk, so it must be alone in the chunk.
        return frames.chunks(1)
    # The timeout of a chunk starts when its message is sent.
    timeout = job.limits.chunk_timeout - job.limits.queue_timeout
    return sized_chunks(frames, job.limits.max_workers, known, timeout=timeout)


def _to_json(chunks: Iterable[FrameRange], round_number: int) -> tuple[bytes, int]:
    """Return the list as JSON, and its length. Each chunk is written at once, to save memory for a million of them."""
    text, count = io.BytesIO(), 0
    for frames in chunks:
        text.write(b"," if count else b"[")
        spec = ChunkSpec(chunk_id=keys.chunk_id(round_number, count), frames=str(frames))
        text.write(json.dumps(spec.to_json(), separators=(",", ":")).encode())
        count += 1
    text.write(b"]" if count else b"[]")
    return text.getvalue(), count
