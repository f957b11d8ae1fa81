"""Chooses the key of a film in the scenes bucket: a film replaces only an earlier copy of itself."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from frameloom.model import keys
from frameloom.model.frames import FrameRange
from frameloom.model.job import Job
from frameloom.services.storage.ports import Store

# The metadata with a film's identity. It marks films that the farm made.
IDENTITY = "frameloom-film"
# The number of parallel requests for the metadata of earlier films.
_PARALLEL = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmTarget:
    """A film's key and identity, and the entity tag of the film that it replaces, None if the key has no object."""

    key: str
    identity: str
    replaces: str | None = None


def find_target(store: Store, job: Job, frames: FrameRange) -> FilmTarget:
    """Return the target of a job's film of `frames`, given the current contents of the bucket.

    The same film keeps its key. Another film gets the version after all existing ones, so the highest is the newest.
    """
    stem, bucket, container = keys.video_stem(job.scene.key, job.film), job.scene.bucket, job.video.container
    identity = job.film_identity(frames)
    films: dict[int, str] = {}
    # Version 2 belongs to a scene with the name shot_v002.blend, whose own film has that name.
    scenes: set[int] = set()
    for stored in store.list(bucket, keys.version_prefix(stem)):
        if (version := keys.version_of(stored.key, stem, [container])) is not None:
            films[version] = stored.key
        elif (version := keys.version_of(stored.key, stem, ["blend"])) is not None:
            scenes.add(version)
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="film") as pool:
        heads = pool.map(lambda key: store.head(bucket, key), [f"{stem}.{container}", *films.values()])
        existing = [head for head in heads if head is not None]
    same = next((film for film in existing if film.metadata.get(IDENTITY) == identity), None)
    if same is not None:
        return FilmTarget(key=same.key, identity=identity, replaces=same.etag)
    later = itertools.count(max(films, default=1 if existing else 0) + 1)
    version = next(version for version in later if version not in scenes)
    return FilmTarget(key=f"{keys.versioned(stem, version)}.{container}", identity=identity)
