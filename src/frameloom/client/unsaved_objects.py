"""Counts the objects that are lost when a local farm ends, since its buckets are in memory."""

from itertools import islice
from pathlib import PurePosixPath

from frameloom.client.connect import Connection
from frameloom.model.counts import counted
from frameloom.model.settings import CONTAINERS

# The limit of objects that are counted per bucket, since the end of the farm waits for the count.
_COUNTED = 10_000
_FILMS = frozenset(f".{container}" for container in CONTAINERS.values())


def losses(farm: Connection) -> str:
    """Return the numbers of a farm's scenes, frames and films, in words; empty for an empty farm."""
    kept = [stored.key for stored in islice(farm.store.list(farm.buckets.scenes, ""), _COUNTED)]
    suffixes = [PurePosixPath(key).suffix.lower() for key in kept]
    scenes, films = suffixes.count(".blend"), sum(suffix in _FILMS for suffix in suffixes)
    frames = sum(1 for _ in islice(farm.store.list(farm.buckets.frames, ""), _COUNTED))
    counts = {"scene": scenes, "frame": frames, "film": films, "other file": len(kept) - scenes - films}
    words = [_counted(number, noun) for noun, number in counts.items() if number]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} or more {noun}s" if number == _COUNTED else counted(number, noun)
