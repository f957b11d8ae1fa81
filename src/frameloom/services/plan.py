"""PlanChunks: cut what is not rendered yet into chunks."""

import math
from typing import Any

from frameloom.model import keys
from frameloom.model.frames import FrameRange
from frameloom.model.job import Job
from frameloom.model.messages import ChunkSpec
from frameloom.services import documents
from frameloom.services.ports import Buckets, Store

# Below three frames Blender's start outweighs a chunk; past fifty a lost chunk costs too much.
SMALLEST, LARGEST = 3, 50
# So that the last chunks do not leave most workers idle.
CHUNKS_PER_WORKER = 4


def plan(job_id: str, round_number: int, *, store: Store, buckets: Buckets) -> dict[str, Any]:
    """Write the list of a round's chunks and return where it is and how many they are.

    Chunks cover every frame that is missing in S3 exactly once, in order: a job that runs again, and a
    second round, render only what is not there.
    """
    job = documents.load_job(store, buckets, job_id)
    chunks = [
        ChunkSpec(chunk_id=keys.chunk_id(round_number, index), frames=str(frames)).to_json()
        for index, frames in enumerate(chunk_frames(job, missing_frames(job, store)))
    ]
    key = keys.chunks_key(job_id, round_number)
    documents.write(store, buckets.logs, key, chunks)
    return {"bucket": buckets.logs, "key": key, "count": len(chunks)}


def missing_frames(job: Job, store: Store) -> FrameRange:
    """Return what the job still has to render; nothing where it only makes a film."""
    return job.frame_range().without(documents.present_frames(store, job)) if job.renders else FrameRange(())


def chunk_frames(job: Job, frames: FrameRange) -> list[FrameRange]:
    """Return the frames in chunks of the job's size, or of one that suits its workers."""
    return list(frames.chunks(job.chunk_size or suitable_size(len(frames), job.limits.max_workers)))


def suitable_size(frames: int, workers: int) -> int:
    """Return how many frames a chunk should hold."""
    return min(LARGEST, max(SMALLEST, math.ceil(frames / (workers * CHUNKS_PER_WORKER))))
