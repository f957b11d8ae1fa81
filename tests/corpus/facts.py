"""Compares the facts that the scene reader finds in a file with those of Blender."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from frameloom.client import SceneCheck
from frameloom.model.scene import SceneEntry

Facts = Mapping[str, Any]

# Fields of a scene with the same name and meaning on both sides.
_SAME = ("name", "frame_start", "frame_end", "frame_step", "percentage", "format", "exr_codec", "camera")
_CLOSE = 1e-4
_REMOVED = ("", "BLENDER_RENDER", "BLENDER_GAME")


def unequal_facts(check: SceneCheck, blender: Facts, *, scene: Path) -> list[str]:
    """Return how the facts of the scene reader differ from Blender's, one phrase each; empty if they do not.

    Args:
        blender: the facts from `tests.corpus.blender_facts`.
        scene: the file.
    """
    return [*_scenes(check, blender), *_files(check, blender, scene), *_scripts(check, blender)]


def _scenes(check: SceneCheck, blender: Facts) -> Iterator[str]:
    facts = check.facts
    ours, theirs = {one.name: one for one in facts.scenes}, {one["name"]: one for one in blender["scenes"]}
    if ours.keys() != theirs.keys():
        yield f"scenes: {sorted(ours)}, Blender has {sorted(theirs)}"
    for name in sorted(ours.keys() & theirs.keys()):
        for field, here, there in _fields(ours[name], theirs[name]):
            # Blender renders scenes of engines that were removed with EEVEE; farms ask for an engine. An empty value
            # is one that Blender does not know either.
            if (field == "engine" and here in _REMOVED) or there == "":
                continue
            yield f"{field} of scene {name!r}: {here}, Blender has {there}"
    if facts.active != blender["active"]:
        yield f"active scene: {facts.active!r}, Blender has {blender['active']!r}"
    if sorted(facts.cameras) != blender["cameras"]:
        yield f"cameras: {sorted(facts.cameras)}, Blender has {blender['cameras']}"


def _fields(ours: SceneEntry, theirs: Facts) -> Iterator[tuple[str, Any, Any]]:
    pairs: list[tuple[str, Any, Any]] = [(name, getattr(ours, name), theirs[name]) for name in _SAME]
    # EEVEE's identifier changed in 4.2 and 5.0; farms take each as EEVEE.
    pairs.append(("engine", ours.engine.replace("_NEXT", ""), theirs["engine"].replace("_NEXT", "")))
    pairs += [("size", list(ours.size), theirs["size"]), ("single_layer", ours.single_layer, theirs["single_layer"])]
    for field, here, there in pairs:
        if here != there:
            yield field, here, there
    numbers: list[tuple[str, Any, Any]] = [
        ("fps", [float(ours.fps)], [theirs["fps"]]),
        ("pixel_aspect", [float(ours.pixel_aspect)], [theirs["pixel_aspect"]]),
        ("crop", list(ours.crop or ()), theirs["crop"] or []),
    ]
    for field, here, there in numbers:
        if len(here) != len(there) or any(abs(a - b) > _CLOSE for a, b in zip(here, there, strict=True)):
            yield field, here, there


def _files(check: SceneCheck, blender: Facts, scene: Path) -> Iterator[str]:
    """Compare existing files: each one that Blender names must be an asset, else no worker has it."""
    folder = scene.absolute().parent
    ours = {os.path.normpath(folder / path) for path in check.assets}
    theirs = {path for path in blender["files"] if Path(path).is_file()}
    if unseen := sorted(theirs - ours - {str(scene.absolute())}):
        yield f"existing files that are not assets: {_short(unseen, folder)}"
    lacking = {_name(path) for path in blender["files"] if not Path(path).exists()}
    if extra := sorted(path for path in check.missing if _name(_bare(path)) not in lacking and not _several(path)):
        yield f"missing files that Blender does not name: {', '.join(extra)}"


def _scripts(check: SceneCheck, blender: Facts) -> Iterator[str]:
    # Blender names one script that it did not run. The reader also lists code that Blender runs without asking.
    if blender["scripts"] and not check.scripts:
        yield f"scripts: none, Blender did not run {blender['scripts']!r}"


def _bare(missing: str) -> str:
    """Return the path in a description such as `//wood.png (of //lib.blend)`."""
    return re.sub(r" \(of .*\)$", "", missing)


def _several(missing: str) -> bool:
    """Return whether a path stands for several files or a folder; Blender names the first file only."""
    return bool(re.search(r"<UDIM>|<UVTILE>|/$|[0-9]+\.[a-z]+$", _bare(missing)))


def _name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _short(paths: Iterable[str], folder: Path) -> str:
    return ", ".join(os.path.relpath(path, folder) for path in paths)
