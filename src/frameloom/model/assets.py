"""The files outside of a .blend that it renders with, and where in the scenes bucket each of them must lie."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from frameloom.model.base import Value

# A long sequence fits, and what PrepareJob asks S3 for one scene has an end.
MOST_ASSETS = 20_000
# S3's own limit, in bytes.
_LONGEST_KEY = 1024
_DRIVE = re.compile(r"[A-Za-z]:")
# What stands for the number of a tile in an image's path, and what the number looks like.
_TILES = {"<UDIM>": r"[0-9]{4}", "<UVTILE>": r"u[0-9]+_v[0-9]+"}
# The first tile, by which a path named all of them before Blender 3.1.
_FIRST_TILE = "1001"

# A path may stand for a folder: of a point cache, a fluid, a baked ocean, a bake of Geometry Nodes.
Spread = Literal["file", "sequence", "tiles", "points", "fluid", "ocean", "bake"]
# What Blender reads from such a folder. A scene that names another folder makes nobody's files its own.
_FOLDERS: dict[Spread, str] = {
    "points": r"[^/]+\.(?:bphys|vdb)",
    "fluid": r"(?:config|data|guiding|mesh|noise|particles)/[^/]+\.(?:uni|vdb|raw|gz|obj)",
    "ocean": r"(?:disp|foam|normal|spray|spray_inverse)_[0-9]+\.exr",
    "bake": r"(?:[0-9]+/)?(?:meta|blobs)/[^/]+\.(?:json|blob|vdb)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One path in a .blend, as it stands there: `//textures/wood.png` begins in the file's own folder.

    Attributes:
        spread: whether the path stands for one file, for a sequence of numbered ones, for an image's tiles, or for a
            folder.
        library: whether it is a .blend, which may refer to more files.
        required: whether something is amiss where it is not there. A simulation that is not baked renders without
            its cache; a scene may hold code that no job runs.
        written: whether Blender simulates as it goes from frame to frame, and writes there, wherever that is.
        unguarded: whether the worker cannot keep Blender from opening it, wherever it leads. That applies to the views
            of a stereo image, which Blender's Python does not expose, and to libraries, which `library` marks.
        node: an import node of Geometry Nodes whose path is not constant; `path` is then empty.
        group: the node group whose input supplies that path, which matters if another file links the group.
        groups: for a library, the node groups that this file links from it.
    """

    path: str
    spread: Spread = "file"
    library: bool = False
    required: bool = True
    written: bool = False
    unguarded: bool = False
    node: str = ""
    group: str = ""
    groups: tuple[str, ...] = ()


class Asset(Value):
    """One version of a file in the scenes bucket that a scene renders with."""

    key: str
    version: str | None = None
    etag: str
    size: int


class AssetsRef(Value):
    """Where the list of a job's assets lies: thousands of them would not fit into a message."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """The keys that a reference stands for: all begin with `prefix`, and `expression` fits the whole key."""

    prefix: str
    expression: re.Pattern[str]


def key_beside(file: str, path: str) -> str | None:
    """Return the key of what a file of key `file` refers to by `path`; None where no bucket can hold it.

    That is where the path is absolute, leaves the bucket by `..`, or is no text.
    """
    if not path.startswith("//"):
        return None
    # As Blender does on systems that know no backslash.
    steps = path[2:].replace("\\", "/")
    if steps.startswith("/") or _DRIVE.match(steps):
        return None
    parts = file.split("/")[:-1]
    for step in steps.split("/"):
        if step == "..":
            if not parts:
                return None
            parts.pop()
        elif step not in ("", "."):
            parts.append(step)
    key = "/".join(parts)
    if not key or len(key.encode()) > _LONGEST_KEY or any(unicodedata.category(one) == "Cc" for one in key):
        return None
    return key


def pattern(key: str, reference: Reference) -> Pattern | None:
    """Return the keys that a reference stands for when it is found at `key`; None where that is `key` alone."""
    if inside := _FOLDERS.get(reference.spread):
        return Pattern(prefix=f"{key}/", expression=re.compile(re.escape(key) + "/" + inside))
    folder, slash, name = key.rpartition("/")
    if reference.spread == "tiles":
        for token, number in _TILES.items():
            if token in name:
                head, _, tail = name.partition(token)
                return _pattern(folder + slash, head, tail, number)
        if _FIRST_TILE in name:
            head, _, tail = name.rpartition(_FIRST_TILE)
            return _pattern(folder + slash, head, tail, _TILES["<UDIM>"])
    if reference.spread == "sequence":
        # Blender counts by the last digits before the ending.
        stem, dot, ending = name.rpartition(".") if "." in name else (name, "", "")
        if numbered := re.fullmatch(r"(.*?)[0-9]+([^0-9]*)", stem, re.DOTALL):
            return _pattern(folder + slash, numbered[1], numbered[2] + dot + ending, "[0-9]+")
    return None


def _pattern(folder: str, head: str, tail: str, number: str) -> Pattern:
    expression = re.compile(re.escape(folder + head) + number + re.escape(tail))
    return Pattern(prefix=folder + head, expression=expression)
