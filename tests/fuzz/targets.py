"""The fuzzer's targets: each accepts bytes, and fails if a promise is broken."""

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
    """One name and value in each line: S3's metadata have no more structure."""
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
    # Arbitrary bytes, and real scenes that a recipe damages.
    "bytes": promises.scene,
    "scene": _scene,
}
# Not part of the farm: a fault that the fuzzer must find.
DRILLS: dict[str, Target] = {"planted": planted.check}
