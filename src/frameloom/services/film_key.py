"""Finds the key of a film in the scenes bucket: a film replaces only itself."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from frameloom.model import keys
from frameloom.model.frames import FrameRange
from frameloom.model.job import Job
from frameloom.services.storage.ports import Store, StoredObject

# Metadata of a film: its identity, which marks it as made by the farm and identifies the same film.
IDENTITY = "frameloom-film"
# How many requests for the metadata of earlier films run at once.
STREAMS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A film's key, its identity, and the entity tag of the existing film, None if the key has no object."""

    key: str
    identity: str
    replaces: str | None = None


def find_place(store: Store, job: Job, frames: FrameRange) -> Place:
    """Return the place of a job's film of `frames` for the bucket's present contents.

    The same film keeps its place. Another film gets the version after all existing ones, so the highest is the newest.
    """
    stem, bucket, container = keys.video_stem(job.scene.key, job.film), job.scene.bucket, job.video.container
    identity = job.film_identity(frames)
    films: dict[int, str] = {}
    # Leave version 2 to a scene that is called shot_v002.blend: its own film takes that name.
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
