"""Jobs to test on: a manifest, its frames, and how its chunks ended, put straight into a store."""

from collections.abc import Iterable
from typing import Any

from frameloom.model import keys
from frameloom.model.job import Job, Limits, OutputRef, SceneRef
from frameloom.model.messages import ChunkResult
from frameloom.model.settings import RenderSettings, VideoSettings
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Buckets, Store

BUCKETS = Buckets(scenes="scenes", frames="frames", logs="logs")
# moto takes a bucket called "logs" for CloudWatch Logs.
S3_BUCKETS = Buckets(scenes="farm-scenes", frames="farm-frames", logs="farm-logs")
STARTED = "2026-11-23T06:00:00.000Z"
DIGEST = "0" * 64


def make_job(store: Store, frames: str = "1-17", *, buckets: Buckets = BUCKETS, **fields: Any) -> Job:
    """Write the manifest of a job that renders `frames` of film/shot.blend, and return it."""
    settings = RenderSettings(blender="4.5.15")
    prefix = keys.frames_prefix("film/shot.blend", keys.render_key(digest=DIGEST, settings=settings))
    values: dict[str, Any] = {
        "job_id": "shot-1",
        "started": STARTED,
        "scene": SceneRef(bucket=buckets.scenes, key="film/shot.blend", version="1", digest=DIGEST),
        "frames": frames,
        "fps": "24",
        "settings": settings,
        "outputs": OutputRef(bucket=buckets.frames, prefix=prefix),
        "output": "both",
        "on_missing": "fail",
        "video": VideoSettings(),
        "chunk_size": None,
        "limits": Limits(max_workers=4, queue_timeout=60, chunk_timeout=120),
    }
    job = Job(**(values | fields))
    job_documents.write(store, buckets.logs, keys.manifest_key(job.job_id), job.to_json())
    return job


def put_frames(store: Store, job: Job, frames: Iterable[int], *, data: bytes = b"image") -> None:
    """Put `frames` where the job's workers would."""
    for frame in frames:
        store.put(job.outputs.bucket, job.frame_key(frame), data)


def put_result(
    store: Store, job: Job, chunk_id: str, frames: str, *, buckets: Buckets = BUCKETS, **fields: Any
) -> ChunkResult:
    """Put down how an attempt at a chunk ended, as its worker would."""
    values: dict[str, Any] = {"worker": "worker-1", "attempt": 0}
    result = ChunkResult(chunk_id=chunk_id, frames=frames, **(values | fields))
    key = keys.result_key(job.job_id, chunk_id, attempt=result.attempt, worker=result.worker or "lost")
    job_documents.write(store, buckets.logs, key, result.to_json())
    return result
