"""PlanChunks: cut what is not rendered yet into chunks."""

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
from frameloom.services.chunk_sizing import WORTH, sized
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Buckets, Store

# Below, a job has ended before scouts would tell.
FEWEST_TO_SCOUT = 100
# Frames that are missing after a round, up to which each is a chunk of its own.
FEW = 1000


def plan(job_id: str, round_number: int, *, store: Store, buckets: Buckets) -> dict[str, Any]:
    """Write the list of a round's chunks and return where it is, how many they are, and which round it is.

    Chunks cover every frame that is missing in S3 exactly once, in order: a job that runs again, and a
    second round, render only what is not there. Scouts are three of the frames; a job that they are not worth it
    for goes on to the first round.
    """
    job = job_documents.load_job(store, buckets, job_id)
    missing = missing_frames(job, store)
    known = measured_times.find(store, buckets, job) if missing and job.chunk_size is None else None
    if round_number == rounds.SCOUTS and not (known is None and worth_scouting(job, missing)):
        round_number = rounds.FIRST
    chunks = scouts(missing) if round_number == rounds.SCOUTS else chunk_frames(job, missing, known, round_number)
    key = keys.chunks_key(job_id, round_number)
    data, count = _listed(chunks, round_number)
    store.put(buckets.logs, key, data, content_type="application/json")
    return {"bucket": buckets.logs, "key": key, "count": count, "round": round_number}


def missing_frames(job: Job, store: Store) -> FrameRange:
    """Return what the job still has to render; nothing where it only makes a film."""
    return job.frame_range().without(job_documents.present_frames(store, job)) if job.renders else FrameRange(())


def worth_scouting(job: Job, missing: FrameRange) -> bool:
    """Say whether a job whose times nobody knows should try three of its frames before all others.

    The fleet waits for them about as long as a frame takes, so each of its workers must have twenty. A scene of which
    a frame is there already can be rendered; and a size that was asked for leaves nothing to find out.
    """
    few = max(FEWEST_TO_SCOUT, WORTH * job.limits.max_workers)
    return job.chunk_size is None and few <= len(missing) == len(job.frame_range())


def scouts(frames: FrameRange) -> Iterator[FrameRange]:
    """Yield the first frame, the one in the middle and the last, a chunk each."""
    for index in (0, len(frames) // 2, len(frames) - 1):
        yield frames.slice(index, 1)


def chunk_frames(
    job: Job, frames: FrameRange, known: Timings | None, round_number: int = rounds.FIRST
) -> Iterator[FrameRange]:
    """Return the frames in chunks of the job's size, or of sizes that suit its workers and its times."""
    if job.chunk_size is not None:
        return frames.chunks(job.chunk_size)
    if round_number == rounds.LAST and len(frames) <= FEW:
        # A frame that cannot be rendered ends its chunk's every attempt: it must not take its neighbours with it.
        return frames.chunks(1)
    # The clock of a chunk starts when its message is sent.
    patience = job.limits.chunk_timeout - job.limits.queue_timeout
    return sized(frames, job.limits.max_workers, known, patience=patience)


def _listed(chunks: Iterable[FrameRange], round_number: int) -> tuple[bytes, int]:
    """Return the list as JSON, written as the chunks come: a million of them are in memory once."""
    text, count = io.BytesIO(), 0
    for frames in chunks:
        text.write(b"," if count else b"[")
        spec = ChunkSpec(chunk_id=keys.chunk_id(round_number, count), frames=str(frames))
        text.write(json.dumps(spec.to_json(), separators=(",", ":")).encode())
        count += 1
    text.write(b"]" if count else b"[]")
    return text.getvalue(), count
