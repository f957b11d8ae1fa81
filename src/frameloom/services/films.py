"""Where a film goes in the scenes bucket: over itself or beside the others, never over anything else."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from frameloom.model import keys
from frameloom.model.frames import FrameRange
from frameloom.model.job import Job
from frameloom.services.ports import Store, StoredObject

# Metadata of a film: its identity, by which it is known as the farm's own, and as the same film.
IDENTITY = "frameloom-film"
# Requests for the metadata of earlier films at once.
STREAMS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A film's key, its identity, and the entity tag of its earlier self, None where nothing lies there."""

    key: str
    identity: str
    replaces: str | None = None


def find_place(store: Store, job: Job, frames: FrameRange) -> Place:
    """Return where a job's film of `frames` goes, as the bucket is now.

    The same film has the same place. Another one gets a version after all that are there, so the highest is the newest.
    """
    stem, bucket, container = keys.video_stem(job.scene.key, job.film), job.scene.bucket, job.video.container
    identity = job.film_identity(frames)
    films: dict[int, str] = {}
    # A scene that is saved as shot_v002.blend will want that name for its own film.
    scenes: set[int] = set()
    for key in _beside(store, bucket, stem):
        if (version := keys.version_of(key, stem, [container])) is not None:
            films[version] = key
        elif (version := keys.version_of(key, stem, ["blend"])) is not None:
            scenes.add(version)
    with ThreadPoolExecutor(STREAMS, thread_name_prefix="film") as pool:
        stored = pool.map(lambda key: store.head(bucket, key), [f"{stem}.{container}", *films.values()])
        there = [one for one in stored if one is not None]
    same = next((one for one in there if one.metadata.get(IDENTITY) == identity), None)
    if same is not None:
        return Place(key=same.key, identity=identity, replaces=same.etag)
    key = f"{keys.versioned(stem, _next_version(there, films, scenes))}.{container}"
    return Place(key=key, identity=identity)


def _beside(store: Store, bucket: str, stem: str) -> Iterator[str]:
    for stored in store.list(bucket, keys.version_prefix(stem)):
        yield stored.key


def _next_version(there: list[StoredObject], films: dict[int, str], scenes: set[int]) -> int:
    after = itertools.count(max(films, default=1 if there else 0) + 1)
    return next(version for version in after if version not in scenes)
