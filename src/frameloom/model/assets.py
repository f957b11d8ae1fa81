"""The files that a .blend file refers to, and their keys in the scenes bucket."""

import re
import unicodedata
from collections.abc import Hashable
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
# The files that Blender reads from such a folder: how their paths from the folder start, and the pattern of the whole
# path. Other files in the folder are not part of the scene. The names are those of `ptcache_filename` in pointcache.cc,
# the FLUID_DOMAIN_DIR_* and FLUID_NAME_* of manta_fluid_API.h, and `cache_filepath` in ocean.cc.
_FLUID = ("config", "data", "guiding", "mesh", "noise", "particles")
_OCEAN = ("disp", "foam", "normal", "spray", "spray_inverse")
_FOLDERS: dict[PathKind, tuple[tuple[str, ...], str]] = {
    "points": (("",), r"[^/]+\.(?:bphys|vdb)"),
    "fluid": (
        tuple(f"{folder}/" for folder in _FLUID),
        rf"(?:{'|'.join(_FLUID)})/[^/]*[0-9]+(?:\.[a-z]+)?\.(?:uni|vdb|raw|gz|obj)",
    ),
    "ocean": (tuple(f"{name}_" for name in _OCEAN), rf"(?:{'|'.join(_OCEAN)})_[0-9]+\.exr"),
    # The number is the id of a bake, whose folder is in that of its modifier.
    "bake": (
        ("meta/", "blobs/", *(str(digit) for digit in range(10))),
        r"(?:[0-9]+/)?(?:meta|blobs)/[^/]+\.(?:json|blob|vdb)",
    ),
}
# The number of a frame and that of a cache, in the name of a point cache's file after the cache's own name.
_POINTS = r"_-?[0-9]+(?:_[0-9]+)?\.(?:bphys|vdb)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One path in a .blend file, unchanged: `//textures/wood.png` starts in the folder of the file.

    Attributes:
        kind: whether the path stands for one file, a sequence of numbered files, the tiles of an image, or a folder.
        library: whether the path leads to a .blend file, which may refer to more files.
        required: whether the render is wrong without the file. A simulation without a bake renders without its cache,
            and a scene may hold code that no job runs.
        seen: whether a frame may show the file. A missing file that no frame shows is reported, and then not required.
        packed: the contents of a library that is packed into the file that refers to it (`services/scene/reader.py`).
        written: whether Blender simulates while it renders, and writes to the path.
        unguarded: whether the worker cannot prevent Blender from opening the path. That applies to the views of a
            stereo image, which Blender's Python does not expose, and to libraries, which `library` marks.
        name: the name of a point cache, with which its files begin; None if the folder holds the caches of one scene.
        node: an import node of Geometry Nodes whose path is not constant; `path` is then empty.
        group: the node group whose input supplies that path, which matters if another file links the group.
        groups: for a library, the node groups that this file links from it.
    """

    path: str
    kind: PathKind = "file"
    library: bool = False
    required: bool = True
    seen: bool = True
    packed: Hashable = None
    written: bool = False
    unguarded: bool = False
    name: str | None = None
    node: str = ""
    group: str = ""
    groups: tuple[str, ...] = ()


class Asset(Value):
    """One version of a file in the scenes bucket that a scene renders with.

    Attributes:
        links: the absolute paths by which .blend files link it, if it is a library.
    """

    key: str
    version: str | None = None
    etag: str
    size: int
    links: tuple[str, ...] | None = None


class AssetsRef(Value):
    """The object with the list of a job's assets. A list of thousands does not fit into a message."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPattern:
    """The keys that a reference stands for: each starts with one of `prefixes`, and `expression` matches all of it."""

    prefixes: tuple[str, ...]
    expression: re.Pattern[str]


def key_of(file: str, path: str, *, root: str | None = None) -> str | None:
    """Return the key for `path` in the file with key `file`, None if no bucket can hold it.

    No bucket can hold a path that leaves it by `..`, a path with control characters, or an absolute path for which it
    has no folder. The key of the bucket's own root is empty.

    Args:
        root: the folder of the bucket for files with absolute paths; None without such a folder.
    """
    if path.startswith("//"):
        # Blender does the same on Linux.
        parts = _walk(file.split("/")[:-1], path[2:], least=_depth(file, root))
    elif root is None or (steps := absolute_steps(path)) is None:
        return None
    else:
        parts = _walk(root.split("/"), steps, least=len(root.split("/")))
    key = None if parts is None else "/".join(parts)
    if key is None or len(key.encode()) > _MAX_KEY or any(unicodedata.category(one) == "Cc" for one in key):
        return None
    return key


def is_relative(path: str) -> bool:
    """Return whether a path in a .blend file starts in the folder of that file."""
    return path.startswith("//")


def absolute_steps(path: str) -> str | None:
    r"""Return an absolute path without its first slash, as a Blender on Linux opens it; None for another path.

    A drive letter becomes a folder in lower case: on Linux, Blender opens `C:\a.png` as `/c/a.png` (`BLI_path_abs`).
    """
    path = path.replace("\\", "/")
    if _DRIVE.match(path):
        return path[0].lower() + "/" + path[2:].lstrip("/")
    return path.lstrip("/") if path.startswith("/") else None


def _depth(file: str, root: str | None) -> int:
    """Return how many folders of a file's key a path cannot leave: those of `root`, which mirrors a whole disk."""
    return len(root.split("/")) if root is not None and file.startswith(f"{root}/") else 0


def _walk(parts: list[str], steps: str, *, least: int) -> list[str] | None:
    steps = steps.replace("\\", "/")
    if steps.startswith("/") or _DRIVE.match(steps):
        return None
    for step in steps.split("/"):
        if step == "..":
            if len(parts) <= least:
                return None
            parts.pop()
        elif step not in ("", "."):
            parts.append(step)
    return parts


def key_pattern(key: str, reference: Reference) -> KeyPattern | None:
    """Return the pattern of the keys that a reference at `key` stands for, None if it stands for `key` alone."""
    if reference.kind in _FOLDERS:
        starts, inside = _FOLDERS[reference.kind]
        if reference.name is not None:
            starts, inside = (f"{reference.name}_",), re.escape(reference.name) + _POINTS
        # The scene's own folder may be the bucket's root.
        folder = f"{key}/" if key else ""
        return KeyPattern(
            prefixes=tuple(folder + start for start in starts), expression=re.compile(re.escape(folder) + inside)
        )
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
    return KeyPattern(prefixes=(folder + head,), expression=expression)
