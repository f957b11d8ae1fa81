"""Compares the facts that the reader finds in a .blend file with those of Blender itself.

`python -m tests.compatibility.facts FILE...` prints the facts that Blender finds, a line of JSON for each file.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from frameloom.model.assets import Reference
from frameloom.model.scene import SceneEntry, SceneFacts
from frameloom.model.scene_json import facts_from_json, facts_to_json

ROOT = Path(__file__).resolve().parents[2]
# Facts that Blender changes when it converts a file: it replaces engines and names of colours that it lacks, and fills
# in names that old files lack.
CONVERTED = {"engine", "colours", "format"}
# Facts that the reader leaves out for files of old Blenders.
NEWER = {"view_layers", "color_mode", "color_depth"}


def blender_facts(files: Sequence[Path], *, python: str = sys.executable) -> dict[Path, SceneFacts | str]:
    """Return the facts that Blender finds in each file, or why it finds none; a crash costs one file.

    Args:
        python: an interpreter with the package bpy; each bpy is one version of Blender.
    """
    found: dict[Path, SceneFacts | str] = {}
    while left := [file for file in files if file not in found]:
        child = subprocess.Popen(
            [python, "-m", "tests.compatibility.facts", *map(str, left)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        with child:
            for file, line in zip(left, child.stdout or (), strict=False):
                answer = json.loads(line)
                found[file] = facts_from_json(answer["facts"]) if "facts" in answer else str(answer["error"])
        if any(file not in found for file in left):
            found[next(file for file in left if file not in found)] = f"Blender ended with {child.returncode}"
    return found


def differences(ours: SceneFacts, blenders: SceneFacts) -> list[str]:
    """Return the facts in which two readings of a file differ, as sentences for a person; empty if they agree."""
    found = [
        f"{name}: {getattr(ours, name)!r}, Blender has {getattr(blenders, name)!r}"
        for name in ("blender_version", "active", "linked_groups")
        if getattr(ours, name) != getattr(blenders, name)
    ]
    for name in ("cameras", "linked_objects", "scripts"):
        found += _sets(name, getattr(ours, name), getattr(blenders, name))
    found += _sets("references", map(_comparable, ours.references), map(_comparable, blenders.references))
    theirs = {entry.name: entry for entry in blenders.scenes}
    found += _sets("scenes", (entry.name for entry in ours.scenes), theirs)
    for entry in ours.scenes:
        if entry.name in theirs:
            found += _entries(entry, theirs[entry.name])
    return found


def _entries(ours: SceneEntry, blenders: SceneEntry) -> Iterator[str]:
    for each in fields(SceneEntry):
        mine, its = getattr(ours, each.name), getattr(blenders, each.name)
        # Blender shows no compression that does not fit the depth, and no depth that does not fit the format.
        unknown = its == "" or (each.name in NEWER and not mine)
        if mine != its and each.name not in CONVERTED and not unknown:
            yield f"{ours.name}.{each.name}: {mine!r}, Blender has {its!r}"


def _comparable(reference: Reference) -> Reference:
    # Old files have Windows' separators, and Blender turns some into its own.
    return replace(reference, path=reference.path.replace("\\", "/"))


def _sets(name: str, ours: Any, blenders: Any) -> list[str]:
    mine, its = set(ours), set(blenders)
    lines = [f"{name}: only the reader has {each!r}" for each in sorted(mine - its, key=repr)]
    return lines + [f"{name}: only Blender has {each!r}" for each in sorted(its - mine, key=repr)]


def main(files: Sequence[str]) -> None:
    """Print the facts that this process's Blender finds in each file."""
    from worker.blender_process.inspection import read_facts  # noqa: PLC0415

    # Blender prints to standard output.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for file in files:
        try:
            _open(file)
            answer: dict[str, Any] = {"facts": facts_to_json(read_facts(Path(file).name))}
        except Exception as error:  # noqa: BLE001  the next file may open
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=out, flush=True)
    # An ordinary exit can hang in Blender.
    os._exit(0)


def _open(file: str) -> None:
    import bpy  # noqa: PLC0415  only in the child

    try:
        bpy.ops.wm.open_mainfile(filepath=file, load_ui=False, use_scripts=False)
    except RuntimeError:
        # The operator also fails for a data-block that Blender reports and skips. The file is open then.
        if bpy.data.filepath != file:
            raise


if __name__ == "__main__":
    main(sys.argv[1:])
