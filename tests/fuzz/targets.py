"""The targets of the fuzzer. Each takes bytes, and fails if a promise is broken."""

import json
from collections.abc import Callable

from tests.fuzz import planted, promises, recipes

Target = Callable[[bytes], None]


def _request(data: bytes) -> None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):  # an execution's input is JSON before it is ours
        return
    promises.request(value)


def _metadata(data: bytes) -> None:
    """Read one name and one value per line, like the metadata of an S3 object."""
    lines = data.decode("utf-8", errors="replace").split("\n")
    promises.metadata({name: value for name, _, value in (line.partition("=") for line in lines)})


def _frames(data: bytes) -> None:
    promises.frames(data.decode("utf-8", errors="replace"))


def _scene(data: bytes) -> None:
    promises.scene(recipes.assembled(data))


TARGETS: dict[str, Target] = {
    "request": _request,
    "metadata": _metadata,
    "frames": _frames,
    "message": promises.message,
    # Arbitrary bytes, and real scenes damaged by a recipe.
    "bytes": promises.scene,
    "scene": _scene,
}
# Not part of the farm: a fault that the fuzzer must find.
DRILLS: dict[str, Target] = {"planted": planted.check}
