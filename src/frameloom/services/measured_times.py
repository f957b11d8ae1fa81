"""The measured times of a scene: VerifyFrames writes them, PlanChunks of the same job and of later jobs reads them.

Times are stored by render key, so an edited scene, or one with other settings, is measured again.
"""

from collections.abc import Iterator, Sequence
from statistics import fmean, median
from typing import TypeVar

from frameloom.model import keys
from frameloom.model.frames import FrameRange
from frameloom.model.job import Job
from frameloom.model.messages import ChunkResult
from frameloom.model.timings import Timings
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Buckets, Store

# The most results that are read. Half of them are the first ones, with which workers start.
SAMPLE = 12
# The most frames whose times are kept, enough to follow the variation in a film.
POINTS = 100
# The measured frames on each side in a moving average: the time of one frame alone is a poor estimate for the others.
NEIGHBOURS = 4

Item = TypeVar("Item")


def load(store: Store, buckets: Buckets, job: Job) -> Timings | None:
    """Return the times of the job's render, None if no job has rendered it."""
    document = job_documents.read(store, buckets.logs, keys.timings_key(job.outputs.prefix))
    try:
        return None if document is None else Timings.model_validate(document)
    except ValueError:
        # Another version of the farm wrote them. VerifyFrames replaces them.
        return None


def update(store: Store, buckets: Buckets, job: Job) -> None:
    """Add the times that this job's workers have measured so far."""
    measured = measure(_sample(store, buckets, job))
    if measured is None:
        return
    known = load(store, buckets, job)
    frames = {**(known.frames if known else {}), **measured.frames}
    ordered = sorted(frames.items(), key=lambda item: int(item[0]))
    kept = measured.model_copy(update={"frames": dict(_evenly_spaced(ordered, POINTS))})
    job_documents.write(store, buckets.logs, keys.timings_key(job.outputs.prefix), kept.to_json())


def measure(results: Sequence[ChunkResult]) -> Timings | None:
    """Return the times in the results of chunks, None if they rendered no frame.

    Each chunk gives the mean time of its frames, as the time of its middle frame. The time of a worker's start is the
    time of its slowest chunk minus the times of the chunk's frames. The median over all workers excludes a worker with
    a slow network.
    """
    frames: dict[str, float] = {}
    starts: dict[str, float] = {}
    for result in results:
        if not result.frame_seconds:
            continue
        rendered = sorted(result.frame_seconds, key=int)
        frames[rendered[len(rendered) // 2]] = round(fmean(result.frame_seconds.values()), 3)
        # The seconds of an aborted chunk include a frame without a time.
        if result.rendered + result.reused == len(FrameRange.parse(result.frames)):
            overhead = result.seconds - sum(result.frame_seconds.values())
            starts[result.worker] = max(overhead, starts.get(result.worker, 0.0))
    return Timings(start=round(median(starts.values() or [0.0]), 3), frames=frames) if frames else None


def estimate_seconds(frames: FrameRange, timings: Timings) -> Iterator[float]:
    """Yield the expected time of each frame, by linear interpolation between the measured frames around it."""
    known = _smoothed(timings)
    index = 0
    for frame in frames:
        while index < len(known) and known[index][0] < frame:
            index += 1
        after = known[min(index, len(known) - 1)]
        before = known[max(index - 1, 0)]
        between = after[0] - before[0]
        share = (frame - before[0]) / between if between and before[0] <= frame <= after[0] else 1.0
        yield before[1] + share * (after[1] - before[1])


def _smoothed(timings: Timings) -> list[tuple[int, float]]:
    known = sorted((int(frame), seconds) for frame, seconds in timings.frames.items())
    around = (known[max(0, index - NEIGHBOURS) : index + NEIGHBOURS + 1] for index in range(len(known)))
    return [(frame, fmean(seconds for _, seconds in near)) for (frame, _), near in zip(known, around, strict=True)]


def _sample(store: Store, buckets: Buckets, job: Job) -> list[ChunkResult]:
    found = [stored.key for stored in store.list(buckets.logs, keys.results_prefix(job.job_id))]
    half = SAMPLE // 2
    chosen = found[:half] + list(_evenly_spaced(found[half:], half))
    return list(job_documents.read_results(store, buckets, chosen))


def _evenly_spaced(items: Sequence[Item], count: int) -> Iterator[Item]:
    """Yield up to `count` evenly spaced items, the first and the last included."""
    if len(items) <= count:
        yield from items
        return
    for step in range(count):
        yield items[step * (len(items) - 1) // (count - 1)]
