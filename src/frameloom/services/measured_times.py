"""What is known of a scene's times: measured by VerifyFrames, read by PlanChunks of this job and of later ones.

Times lie by render key: they are of the same bytes and settings, so a scene that was edited is measured anew.
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

# Results that are read, however many chunks there were: half of them the first, which workers begin with.
SAMPLE = 12
# Frames whose times are kept: enough for the ups and downs of a film.
POINTS = 100
# Measured frames on either side that a frame's time is evened out with: by itself it says little of its neighbours.
NEIGHBOURS = 4

Item = TypeVar("Item")


def find(store: Store, buckets: Buckets, job: Job) -> Timings | None:
    """Return what is known of the job's scene as the job renders it, None where nobody has rendered it yet."""
    document = job_documents.read(store, buckets.logs, keys.timings_key(job.outputs.prefix))
    try:
        return None if document is None else Timings.model_validate(document)
    except ValueError:
        # Of another version of this farm: measured anew, and no job's concern.
        return None


def keep(store: Store, buckets: Buckets, job: Job) -> None:
    """Add to what is known what this job's workers have measured so far."""
    measured = measure(_sample(store, buckets, job))
    if measured is None:
        return
    known = find(store, buckets, job)
    frames = {**(known.frames if known else {}), **measured.frames}
    ordered = sorted(frames.items(), key=lambda item: int(item[0]))
    kept = measured.model_copy(update={"frames": dict(_spread(ordered, POINTS))})
    job_documents.write(store, buckets.logs, keys.timings_key(job.outputs.prefix), kept.to_json())


def measure(results: Sequence[ChunkResult]) -> Timings | None:
    """Return what chunks tell of their scene's times, None where they rendered nothing.

    A chunk gives one point, its frames' mean at the one in the middle. Blender's start and the scene's load are what
    a worker's slowest chunk took beside its frames: the median of workers, since one may have had a bad network.
    """
    frames: dict[str, float] = {}
    beside: dict[str, float] = {}
    for result in results:
        if not result.frame_seconds:
            continue
        rendered = sorted(result.frame_seconds, key=int)
        frames[rendered[len(rendered) // 2]] = round(fmean(result.frame_seconds.values()), 3)
        # Of a chunk that was broken off, the seconds hold a frame that is in none of the figures.
        if result.rendered + result.reused == len(FrameRange.parse(result.frames)):
            spent = result.seconds - sum(result.frame_seconds.values())
            beside[result.worker] = max(spent, beside.get(result.worker, 0.0))
    return Timings(start=round(median(beside.values() or [0.0]), 3), frames=frames) if frames else None


def seconds_of(frames: FrameRange, timings: Timings) -> Iterator[float]:
    """Yield how long each frame should take: as the known ones before and after it, by its distance to them."""
    known = _evened_out(timings)
    index = 0
    for frame in frames:
        while index < len(known) and known[index][0] < frame:
            index += 1
        after = known[min(index, len(known) - 1)]
        before = known[max(index - 1, 0)]
        between = after[0] - before[0]
        share = (frame - before[0]) / between if between and before[0] <= frame <= after[0] else 1.0
        yield before[1] + share * (after[1] - before[1])


def _evened_out(timings: Timings) -> list[tuple[int, float]]:
    known = sorted((int(frame), seconds) for frame, seconds in timings.frames.items())
    around = (known[max(0, index - NEIGHBOURS) : index + NEIGHBOURS + 1] for index in range(len(known)))
    return [(frame, fmean(seconds for _, seconds in near)) for (frame, _), near in zip(known, around, strict=True)]


def _sample(store: Store, buckets: Buckets, job: Job) -> list[ChunkResult]:
    found = [stored.key for stored in store.list(buckets.logs, keys.results_prefix(job.job_id))]
    half = SAMPLE // 2
    chosen = found[:half] + list(_spread(found[half:], half))
    return list(job_documents.read_results(store, buckets, chosen))


def _spread(items: Sequence[Item], most: int) -> Iterator[Item]:
    """Yield at most `most` items, the first and the last among them, evenly spread."""
    if len(items) <= most:
        yield from items
        return
    for step in range(most):
        yield items[step * (len(items) - 1) // (most - 1)]
