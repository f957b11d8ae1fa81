"""JSON documents in the log bucket: the manifest, the chunks, the results, the report."""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from frameloom.model import keys
from frameloom.model.frames import FrameRange
from frameloom.model.job import Job, Segment
from frameloom.model.messages import ChunkResult, TaskKind
from frameloom.services.storage.parallel_listing import AT_ONCE, list_between
from frameloom.services.storage.ports import Buckets, Store

# Results that are read ahead: a large job has a hundred thousand, and each takes some milliseconds.
READ_AHEAD = 1000
# Frames between two edges of a listing: five pages of S3 if all frames exist.
RANGE = 5000


def read(store: Store, bucket: str, key: str) -> Any:
    """Return a document; None if it does not exist."""
    data = store.get(bucket, key)
    return None if data is None else json.loads(data)


def write(store: Store, bucket: str, key: str, document: Any) -> None:
    """Store a document, or replace it."""
    data = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    store.put(bucket, key, data, content_type="application/json")


def find_job(store: Store, buckets: Buckets, job_id: str) -> Job | None:
    """Return a job's manifest; None if PrepareJob has not written it."""
    document = read(store, buckets.logs, keys.manifest_key(job_id))
    return None if document is None else Job.model_validate(document)


def waiting_task(store: Store, buckets: Buckets, job_id: str) -> TaskKind | None:
    """Return the task of the whole scene that a job without a manifest waits for; None if it has written none."""
    return "inspect" if store.head(buckets.logs, keys.task_key(job_id, "inspect")) is not None else None


def load_job(store: Store, buckets: Buckets, job_id: str) -> Job:
    """Return a job's manifest, which PrepareJob writes before any other state runs."""
    job = find_job(store, buckets, job_id)
    if job is None:
        raise LookupError(f"job {job_id!r} has no manifest in bucket {buckets.logs!r}")
    return job


def present_frames(store: Store, job: Job) -> list[int]:
    """Return the job's frames all of whose files S3 lists, in order, whatever the workers reported."""
    listed = list_between(store, job.outputs.bucket, job.outputs.prefix, _edges(job))
    there = {stored.key for stored in listed if stored.size > 0}
    return job.files.complete(job.outputs.prefix, job.frame_range(), there)


def _edges(job: Job) -> list[str]:
    """Return the least and the greatest key of the job's files and some between them, in the order of keys.

    The order of frames differs for negative numbers and for numbers of seven digits.
    """
    frames, files = job.frame_range(), job.files
    some = itertools.islice(frames, RANGE, None, RANGE)
    ends = (end(key for frame in frames for key in files.keys(job.outputs.prefix, frame)) for end in (min, max))
    return sorted({*ends, *map(job.frame_key, some)})


def write_film(store: Store, buckets: Buckets, job_id: str, frames: FrameRange) -> None:
    """Store the list of the film's frames, since frames that another job adds later would shift the segments."""
    write(store, buckets.logs, keys.film_frames_key(job_id), {"frames": str(frames)})


def film_frames(store: Store, buckets: Buckets, job_id: str) -> FrameRange:
    """Return the film's frames, in order."""
    document = read(store, buckets.logs, keys.film_frames_key(job_id))
    if document is None:
        raise LookupError(f"job {job_id!r} has no list of film frames in bucket {buckets.logs!r}")
    return FrameRange.parse(document["frames"])


def write_stitched(store: Store, buckets: Buckets, job_id: str, stitched: Mapping[str, Any]) -> None:
    """Store StitchVideo's result, which has the film's key, for the job's report."""
    write(store, buckets.logs, keys.stitched_key(job_id), stitched)


def stitched(store: Store, buckets: Buckets, job_id: str) -> Mapping[str, Any] | None:
    """Return StitchVideo's result, which has the film's key; None before StitchVideo has ended."""
    document: Mapping[str, Any] | None = read(store, buckets.logs, keys.stitched_key(job_id))
    return document


def write_segment_failure(
    store: Store, buckets: Buckets, job_id: str, segment: Segment, error: Mapping[str, str]
) -> None:
    """Store the error of a segment that could not be encoded, as Step Functions reports it."""
    write(store, buckets.logs, keys.segment_failure_key(job_id), {"segment": segment.segment, **error})


def segment_failure(store: Store, buckets: Buckets, job_id: str) -> Mapping[str, str] | None:
    """Return the error of a segment that could not be encoded, as `{"Error", "Cause"}`; None if no segment failed."""
    document: Mapping[str, str] | None = read(store, buckets.logs, keys.segment_failure_key(job_id))
    return document


def chunk_results(store: Store, buckets: Buckets, job_id: str) -> Iterator[ChunkResult]:
    """Yield the results of the job's chunks, failures too, in the order of their names."""
    listed = (stored.key for stored in store.list(buckets.logs, keys.results_prefix(job_id)))
    yield from read_results(store, buckets, listed)


def read_results(store: Store, buckets: Buckets, listed: Iterable[str]) -> Iterator[ChunkResult]:
    """Yield the results of these keys, in order; `READ_AHEAD` of them are read in parallel."""
    waiting = iter(listed)

    def result(key: str) -> ChunkResult:
        return ChunkResult.model_validate(read(store, buckets.logs, key))

    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="results") as pool:
        while ahead := list(itertools.islice(waiting, READ_AHEAD)):
            yield from pool.map(result, ahead)
