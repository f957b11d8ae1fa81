"""What the end of a local farm loses: its buckets live in its memory."""

from itertools import islice
from pathlib import PurePosixPath

from frameloom.cli.target import Farm
from frameloom.model.counts import counted
from frameloom.model.settings import CONTAINERS

# How many objects of a bucket are counted: somebody waits for the farm's end meanwhile.
_COUNTED = 10_000
_FILMS = frozenset(f".{container}" for container in CONTAINERS.values())


def losses(farm: Farm) -> str:
    """Return what scenes, frames and films a farm holds, in words; nothing if it holds none."""
    kept = [stored.key for stored in islice(farm.store.list(farm.buckets.scenes, ""), _COUNTED)]
    suffixes = [PurePosixPath(key).suffix.lower() for key in kept]
    scenes, films = suffixes.count(".blend"), sum(suffix in _FILMS for suffix in suffixes)
    frames = sum(1 for _ in islice(farm.store.list(farm.buckets.frames, ""), _COUNTED))
    counts = {"scene": scenes, "frame": frames, "film": films, "other file": len(kept) - scenes - films}
    words = [_counted(number, noun) for noun, number in counts.items() if number]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} or more {noun}s" if number == _COUNTED else counted(number, noun)
