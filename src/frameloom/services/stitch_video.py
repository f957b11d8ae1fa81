"""StitchVideo: segments in S3 become a film in S3, which passes through and is never held."""

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
from frameloom.services.film_key import IDENTITY, Place, find_place
from frameloom.services.storage import job_documents
from frameloom.services.storage.object_io import PART_BYTES, ObjectReader, ObjectWriter, part_bytes
from frameloom.services.storage.ports import Buckets, StoredObject, StreamStore, Taken
from frameloom.services.verify_frames import plan_segments

# Requests at once, and segments that are opened while one is copied: short ones take no longer than their bytes.
FETCHERS, SEGMENTS_AHEAD = 8, 4
# How many times another job may take the free name first.
TRIES = 10


def stitch(job_id: str, *, store: StreamStore, buckets: Buckets) -> dict[str, Any]:
    """Join the job's segments by stream copy into the film beside its scene; return where it is.

    The film is stored whole or not at all, and replaces only itself. Running this twice, even at once, results in the
    same film.

    Raises:
        EncodeFailed: a segment is not there or not whole, or they don't hold the film's frames.
    """
    job = job_documents.load_job(store, buckets, job_id)
    frames = job_documents.film_frames(store, buckets, job_id)
    for _ in range(TRIES):
        place = find_place(store, job, frames)
        try:
            size = _join(job, len(frames), place, store=store, buckets=buckets)
        except Taken:
            # Another job or user has written to this key meanwhile.
            continue
        stitched = {"bucket": buckets.scenes, "key": place.key, "frames": len(frames), "bytes": size}
        job_documents.write_stitched(store, buckets, job_id, stitched)
        return stitched
    raise EncodeFailed(problem=f"other films took its name {TRIES} times while it was made; start the job again")


def _join(job: Job, frames: int, place: Place, *, store: StreamStore, buckets: Buckets) -> int:
    """Store the film at its place and return its size in bytes; raise Taken if another writer took the place."""
    container = job.video.container
    room = video.index_room(frames)
    with ThreadPoolExecutor(FETCHERS, thread_name_prefix="fetch") as pool:
        stored = list(pool.map(lambda key: _stored(store, buckets.logs, key), _segment_keys(job, frames)))
        part = part_bytes(room + sum(segment.size for segment in stored))
        with (
            store.in_parts(
                buckets.scenes,
                place.key,
                content_type=CONTENT_TYPES[container],
                metadata={IDENTITY: place.identity},
                replaces=place.replaces,
            ) as parts,
            # The head has the length of a part beside the index, since S3 takes no shorter ones.
            ObjectWriter(parts, head=room + PART_BYTES, part=part) as film,
        ):
            try:
                segments = _opened(store, buckets.logs, stored, pool)
                video.join_segments(segments, film, job.rate(), frames=frames, kind=container)
            except LookupError as error:
                raise EncodeFailed(problem=f"a segment went away while the film was made: {error}") from error
    return film.size


def _segment_keys(job: Job, frames: int) -> list[str]:
    return [keys.segment_key(job.job_id, planned.segment, job.video.container) for planned in plan_segments(frames)]


def _stored(store: StreamStore, bucket: str, key: str) -> StoredObject:
    stored = store.head(bucket, key)
    if stored is None:
        raise EncodeFailed(problem=f"there is no segment {PurePosixPath(key).name}")
    return stored


def _opened(
    store: StreamStore, bucket: str, segments: Sequence[StoredObject], pool: ThreadPoolExecutor
) -> Iterator[tuple[str, ObjectReader]]:
    """Yield each segment by its name while the bytes of the next ones are on their way."""
    opened: deque[tuple[str, ObjectReader]] = deque()
    for segment in segments:
        opened.append((PurePosixPath(segment.key).name, ObjectReader(store, bucket, segment, pool)))
        if len(opened) > SEGMENTS_AHEAD:
            yield opened.popleft()
    yield from opened
