"""StitchVideo: joins segments in S3 to a film in S3, as a stream."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Any

from frameloom.model import keys
from frameloom.model.errors import EncodeFailed
from frameloom.model.job import Job
from frameloom.model.settings import CONTENT_TYPES
from frameloom.services import video
from frameloom.services.film_key import IDENTITY, FilmTarget, find_target
from frameloom.services.storage import job_documents
from frameloom.services.storage.object_io import PART_BYTES, ObjectReader, ObjectWriter, part_bytes
from frameloom.services.storage.ports import Buckets, StoredObject, StreamStore, Taken
from frameloom.services.verify_frames import plan_segments

# Parallel requests, and segments that are fetched ahead, so that short segments do not cost a latency each.
FETCHERS, SEGMENTS_AHEAD = 8, 4
# The number of times that another job may take the free key first.
TRIES = 10


def stitch(job_id: str, *, store: StreamStore, buckets: Buckets) -> dict[str, Any]:
    """Join the job's segments by stream copy to the film beside its scene; return its bucket, key, frames and bytes.

    The film is stored whole or not at all, and replaces only itself. Two runs, even at the same time, result in one
    film.

    Raises:
        EncodeFailed: a segment is missing or damaged, or the segments do not hold the film's frames.
    """
    job = job_documents.load_job(store, buckets, job_id)
    frames = job_documents.film_frames(store, buckets, job_id)
    for _ in range(TRIES):
        target = find_target(store, job, frames)
        try:
            size = _join(job, len(frames), target, store=store, buckets=buckets)
        except Taken:
            # Another job or user has written to this key in the meantime.
            continue
        stitched = {"bucket": buckets.scenes, "key": target.key, "frames": len(frames), "bytes": size}
        job_documents.write_stitched(store, buckets, job_id, stitched)
        return stitched
    raise EncodeFailed(problem=f"other films took its key {TRIES} times in a row; start the job again")


def _join(job: Job, frames: int, target: FilmTarget, *, store: StreamStore, buckets: Buckets) -> int:
    """Store the film and return its size in bytes; raise Taken if another writer took its key."""
    container = job.video.container
    room = video.index_room(frames)
    with ThreadPoolExecutor(FETCHERS, thread_name_prefix="fetch") as pool:
        stored = list(pool.map(lambda key: _stored(store, buckets.logs, key), _segment_keys(job, frames)))
        part = part_bytes(room + sum(segment.size for segment in stored))
        with (
            store.in_parts(
                buckets.scenes,
                target.key,
                content_type=CONTENT_TYPES[container],
                metadata={IDENTITY: target.identity},
                replaces=target.replaces,
            ) as parts,
            # The head is a part's length longer than the index, since S3 accepts no shorter parts.
            ObjectWriter(parts, head=room + PART_BYTES, part=part) as film,
        ):
            try:
                segments = _opened(store, buckets.logs, stored, pool)
                video.join_segments(segments, film, job.rate(), frames=frames, kind=container)
            except LookupError as error:
                raise EncodeFailed(problem=f"a segment was deleted while it was read: {error}") from error
    return film.size


def _segment_keys(job: Job, frames: int) -> list[str]:
    return [keys.segment_key(job.job_id, planned.segment, job.video.container) for planned in plan_segments(frames)]


def _stored(store: StreamStore, bucket: str, key: str) -> StoredObject:
    stored = store.head(bucket, key)
    if stored is None:
        raise EncodeFailed(problem=f"segment {PurePosixPath(key).name} is missing")
    return stored


def _opened(
    store: StreamStore, bucket: str, segments: Sequence[StoredObject], pool: ThreadPoolExecutor
) -> Iterator[tuple[str, ObjectReader]]:
    """Yield the name and the reader of each segment, and fetch the next ones in the meantime."""
    opened: deque[tuple[str, ObjectReader]] = deque()
    for segment in segments:
        opened.append((PurePosixPath(segment.key).name, ObjectReader(store, bucket, segment, pool)))
        if len(opened) > SEGMENTS_AHEAD:
            yield opened.popleft()
    yield from opened
