"""EncodeSegment: frames in S3 become a segment of their film in S3."""

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

from frameloom.model import keys
from frameloom.model.errors import EncodeFailed
from frameloom.model.job import Job, Segment
from frameloom.model.settings import CONTENT_TYPES
from frameloom.services import video
from frameloom.services.images.integrity import check_image
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Buckets, Store

# Frames that are fetched while one is encoded, and bytes that they may be: at 4K a PNG is up to 30 MB, an OpenEXR of
# whole floats 100.
FETCH_AHEAD, FETCH_BYTES = 8, 48 * 1024 * 1024
# Channels of grey and of colours where one of them is alpha.
WITH_ALPHA = {2, 4}


def encode(job_id: str, segment: Segment, *, store: Store, buckets: Buckets) -> dict[str, Any]:
    """Encode one segment of the film; return where it is and its length in frames.

    Frames stream from S3 into the encoder: memory holds a few of them, the disk only the segment.
    """
    job = job_documents.load_job(store, buckets, job_id)
    frames = job_documents.film_frames(store, buckets, job_id).slice(segment.first, segment.count)
    if not frames:
        raise EncodeFailed(problem=f"segment {segment.segment} holds no frames")
    images = fetch_ahead(frames, lambda frame: _frame(store, job, frame))
    container = job.video.container
    key = keys.segment_key(job_id, segment.segment, container)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"segment.{container}")
        first, image = next(images)
        count = video.encode_segment(chain([(first, image)], images), path, _options(job, first, image))
        store.upload(path, buckets.logs, key, content_type=CONTENT_TYPES[container])
    return {"bucket": buckets.logs, "key": key, "frames": count}


def fetch_ahead(
    frames: Iterable[int], fetch: Callable[[int], bytes], *, ahead: int = FETCH_AHEAD, room: int = FETCH_BYTES
) -> Iterator[tuple[int, bytes]]:
    """Yield each frame with its bytes, in order, while the next ones are on their way: `ahead`, if there is room.

    How large they are the largest one so far tells; one is fetched ahead in any case.
    """
    allowed, largest = 1, 0
    with ThreadPoolExecutor(max_workers=ahead, thread_name_prefix="fetch") as pool:
        waiting: deque[tuple[int, Future[bytes]]] = deque()
        for frame in frames:
            waiting.append((frame, pool.submit(fetch, frame)))
            while len(waiting) > allowed:
                number, image = waiting.popleft()
                largest = max(1, largest, len(image.result()))
                allowed = max(1, min(ahead, room // largest))
                yield number, image.result()
        for number, image in waiting:
            yield number, image.result()


def _frame(store: Store, job: Job, frame: int) -> bytes:
    data = store.get(job.outputs.bucket, job.frame_key(frame))
    if data is None:
        raise EncodeFailed(problem=f"frame {frame} went away while the film was made")
    return data


def _options(job: Job, frame: int, image: bytes) -> video.VideoOptions:
    facts = check_image(image, format=job.settings.format, frame=frame, size=None)
    return video.VideoOptions(
        codec=job.video.codec,
        quality=job.video.quality,
        fps=job.rate(),
        size=(facts.width, facts.height),
        pixel_aspect=job.pixel(),
        format=job.settings.format,
        alpha=facts.channels in WITH_ALPHA,
    )
