"""EncodeSegment: encodes frames in S3 to one segment of the film in S3."""

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

# The limits for frames fetched ahead: their number and their bytes. At 4K a PNG has up to 30 MB, an OpenEXR of full
# floats 100 MB.
FETCH_AHEAD, FETCH_BYTES = 8, 48 * 1024 * 1024
# The numbers of channels of images with alpha: grey and RGB.
_ALPHA_CHANNELS = {2, 4}


def encode(job_id: str, segment: Segment, *, store: Store, buckets: Buckets) -> dict[str, Any]:
    """Encode one segment of the film; return its bucket, key and number of frames.

    Frames stream from S3 into the encoder, so memory holds only a few of them, and the disk only the segment.

    Raises:
        EncodeFailed: the segment has no frames, or a frame is missing or cannot be encoded.
    """
    job = job_documents.load_job(store, buckets, job_id)
    frames = job_documents.film_frames(store, buckets, job_id).slice(segment.first, segment.count)
    if not frames:
        raise EncodeFailed(problem=f"segment {segment.segment} has no frames")
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
    frames: Iterable[int], fetch: Callable[[int], bytes], *, ahead: int = FETCH_AHEAD, max_bytes: int = FETCH_BYTES
) -> Iterator[tuple[int, bytes]]:
    """Yield each frame with its bytes, in order, and fetch the next frames in the meantime.

    Args:
        ahead: the most frames to fetch ahead.
        max_bytes: the most bytes to fetch ahead, if each frame is as large as the largest one so far. One frame is
            always fetched ahead.
    """
    allowed, largest = 1, 0
    with ThreadPoolExecutor(max_workers=ahead, thread_name_prefix="fetch") as pool:
        waiting: deque[tuple[int, Future[bytes]]] = deque()
        for frame in frames:
            waiting.append((frame, pool.submit(fetch, frame)))
            while len(waiting) > allowed:
                number, image = waiting.popleft()
                largest = max(1, largest, len(image.result()))
                allowed = max(1, min(ahead, max_bytes // largest))
                yield number, image.result()
        for number, image in waiting:
            yield number, image.result()


def _frame(store: Store, job: Job, frame: int) -> bytes:
    data = store.get(job.outputs.bucket, job.frame_key(frame))
    if data is None:
        raise EncodeFailed(problem=f"frame {frame} was deleted while the film was encoded; start the job again")
    return data


def _options(job: Job, frame: int, image: bytes) -> video.VideoOptions:
    facts = check_image(image, format=job.settings.format, frame=frame, size=None)
    return video.VideoOptions(
        codec=job.video.codec,
        quality=job.video.quality,
        fps=job.rate(),
        size=(facts.width, facts.height),
        pixel_aspect=job.pixel_ratio(),
        format=job.settings.format,
        alpha=facts.channels in _ALPHA_CHANNELS,
    )
