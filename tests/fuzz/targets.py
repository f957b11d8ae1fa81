"""What a fuzzer can be let loose on: each takes bytes, and fails where a promise is broken."""

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
    """One name and its value a line: what S3 keeps of an object has no more structure."""
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
    # Any bytes at all, and real scenes that are damaged by a recipe.
    "bytes": promises.scene,
    "scene": _scene,
}
# Not of the farm: a fault that the fuzzer must find.
DRILLS: dict[str, Target] = {"planted": planted.check}
