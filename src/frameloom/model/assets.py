"""The files that a .blend file refers to, and their keys in the scenes bucket."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from frameloom.model.base import Value

# A long image sequence fits. The limit bounds PrepareJob's requests to S3.
MAX_ASSETS = 20_000
# The limit of S3, in bytes.
_MAX_KEY = 1024
_DRIVE = re.compile(r"[A-Za-z]:")
# The placeholder for a tile's number in an image's path, and the pattern of the number.
_TILES = {"<UDIM>": r"[0-9]{4}", "<UVTILE>": r"u[0-9]+_v[0-9]+"}
# Before Blender 3.1 a path with the number of the first tile stood for all tiles.
_FIRST_TILE = "1001"

# A path stands for a file, several files, or a folder of a point cache, a fluid, an ocean or a Geometry Nodes bake.
PathKind = Literal["file", "sequence", "tiles", "points", "fluid", "ocean", "bake"]
# The files that Blender reads from such a folder. Other files in the folder are not part of the scene.
_FOLDERS: dict[PathKind, str] = {
    "points": r"[^/]+\.(?:bphys|vdb)",
    "fluid": r"(?:config|data|guiding|mesh|noise|particles)/[^/]+\.(?:uni|vdb|raw|gz|obj)",
    "ocean": r"(?:disp|foam|normal|spray|spray_inverse)_[0-9]+\.exr",
    "bake": r"(?:[0-9]+/)?(?:meta|blobs)/[^/]+\.(?:json|blob|vdb)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One path in a .blend file, unchanged: `//textures/wood.png` starts in the folder of the file.

    Attributes:
        kind: whether the path stands for one file, a sequence of numbered files, the tiles of an image, or a folder.
        library: whether the path leads to a .blend file, which may refer to more files.
        required: whether the render is wrong without the file. A simulation without a bake renders without its cache,
            and a scene may hold code that no job runs.
        written: whether Blender simulates while it renders, and writes to the path.
        unguarded: whether the worker cannot prevent Blender from opening the path. That applies to the views of a
            stereo image, which Blender's Python does not expose, and to libraries, which `library` marks.
        node: an import node of Geometry Nodes whose path is not constant; `path` is then empty.
        group: the node group whose input supplies that path, which matters if another file links the group.
        groups: for a library, the node groups that this file links from it.
    """

    path: str
    kind: PathKind = "file"
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
    """The object with the list of a job's assets. A list of thousands does not fit into a message."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPattern:
    """The keys that a reference stands for: each starts with `prefix`, and `expression` matches the whole key."""

    prefix: str
    expression: re.Pattern[str]


def key_beside(file: str, path: str) -> str | None:
    """Return the key for `path` in the file with key `file`, None if no bucket can hold it.

    No bucket can hold an absolute path, a path that leaves the bucket by `..`, or a path with control characters.
    """
    if not path.startswith("//"):
        return None
    # Blender does the same on Linux.
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
    if not key or len(key.encode()) > _MAX_KEY or any(unicodedata.category(one) == "Cc" for one in key):
        return None
    return key


def key_pattern(key: str, reference: Reference) -> KeyPattern | None:
    """Return the pattern of the keys that a reference at `key` stands for, None if it stands for `key` alone."""
    if inside := _FOLDERS.get(reference.kind):
        return KeyPattern(prefix=f"{key}/", expression=re.compile(re.escape(key) + "/" + inside))
    folder, slash, name = key.rpartition("/")
    if reference.kind == "tiles":
        for token, number in _TILES.items():
            if token in name:
                head, _, tail = name.partition(token)
                return _pattern(folder + slash, head, tail, number)
        if _FIRST_TILE in name:
            head, _, tail = name.rpartition(_FIRST_TILE)
            return _pattern(folder + slash, head, tail, _TILES["<UDIM>"])
    if reference.kind == "sequence":
        # Blender counts with the last digits before the extension.
        stem, dot, ending = name.rpartition(".") if "." in name else (name, "", "")
        if numbered := re.fullmatch(r"(.*?)[0-9]+([^0-9]*)", stem, re.DOTALL):
            return _pattern(folder + slash, numbered[1], numbered[2] + dot + ending, "[0-9]+")
    return None


def _pattern(folder: str, head: str, tail: str, number: str) -> KeyPattern:
    expression = re.compile(re.escape(folder + head) + number + re.escape(tail))
    return KeyPattern(prefix=folder + head, expression=expression)
