"""Look at a scene on this disk with the eyes of PrepareJob."""

import importlib.metadata
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from frameloom.cli.output import REFUSED, tell_error, tell_json, tell_warning
from frameloom.cli.terminal import say
from frameloom.client.colour_config import refuse_own_configuration
from frameloom.client.job_request import build_request, find_scene
from frameloom.model.counts import listed
from frameloom.model.errors import FarmError, InvalidRequest, JobImpossible, MissingAssets
from frameloom.model.request import JobRequest
from frameloom.model.scene import SceneEntry, SceneFacts
from frameloom.services.resolve_request import resolve_request
from frameloom.services.scene.checks import check_spaces, scripts_problem
from frameloom.services.scene.find_assets import FoundAssets, find_assets
from frameloom.services.scene.reader import read_scene
from frameloom.services.storage.local_files import Disk

_VERSION = re.compile(r"[0-9]+\.[0-9]+(?:\.[0-9]+)?")
# A sequence may have thousands of frames.
_LISTED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A scene, its outside files by their paths from its folder and their sizes, and why a farm would refuse it.

    Attributes:
        scripts: the Python in it and in its libraries, for which a job needs `trust_scripts`.
    """

    facts: SceneFacts
    there: dict[str, int]
    missing: tuple[str, ...]
    scripts: tuple[str, ...]
    refusal: FarmError | None

    @property
    def warnings(self) -> list[str]:
        """Return the decisions that a job of this scene still needs."""
        return [scripts_problem(self.scripts, file=self.facts.file)] if self.scripts else []

    def to_json(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        document = {
            "file": self.facts.file,
            "blender": _version(self.facts),
            "active": self.facts.active,
            "scenes": [_scene(entry) for entry in self.facts.scenes],
            "cameras": list(self.facts.cameras),
            "assets": [{"path": path, "bytes": size} for path, size in self.there.items()],
            "missing": list(self.missing),
            "scripts": list(self.scripts),
            "warnings": self.warnings,
        }
        refusal = self.refusal
        return document | ({} if refusal is None else {"error": type(refusal).__name__, "cause": str(refusal)})


def run(scene: Path, *, blender: str | None, json: bool) -> None:
    """Print what a scene holds and lacks.

    Raises:
        FarmError: there is nothing to print, for the file cannot be read.
        typer.Exit: a farm would refuse the scene, which was said.
    """
    finding = look(find_scene(scene), blender=_wanted(blender))
    if json:
        tell_json(finding.to_json())
    else:
        say(*_lines(finding))
    for warning in finding.warnings:
        tell_warning(warning)
    if finding.refusal is not None:
        tell_error(type(finding.refusal).__name__, str(finding.refusal), json=False)
        raise typer.Exit(REFUSED)


def look(scene: Path, *, blender: str | None) -> Finding:
    """Return what a scene holds and lacks; with `blender` None, any version may have saved it.

    Raises:
        JobImpossible: it cannot be read, or a library cannot.
    """
    # The job decides whether code runs, so that is a warning. Check all else as if the job had decided.
    request = build_request(scene, {"file": scene.name, "trust_scripts": "false"})
    facts = read_scene(scene)
    disk = Disk.of(scene)
    found = find_assets(disk, "", disk.key(scene), facts.references)
    folder = disk.path(disk.key(scene)).parent
    return Finding(
        facts=facts,
        there={Path(os.path.relpath(disk.path(one.key), folder)).as_posix(): one.size for one in found.assets},
        missing=found.missing,
        scripts=(*facts.scripts, *found.scripts),
        refusal=_refusal(scene, request, found, facts, blender=blender or _version(facts)),
    )


def _refusal(
    scene: Path, request: JobRequest, found: FoundAssets, facts: SceneFacts, *, blender: str
) -> FarmError | None:
    try:
        refuse_own_configuration()
        resolve_request(request, scene, blender=blender, device="CPU")
        found.check(file=facts.file, trusted=False)
        check_spaces(found.spaces, file=facts.file, blender=blender)
    except JobImpossible as error:
        return error
    return MissingAssets(file=facts.file, assets=listed(found.missing)) if found.missing else None


def _wanted(blender: str | None) -> str | None:
    if blender is not None:
        if not _VERSION.fullmatch(blender):
            raise InvalidRequest(field="--blender", problem=f"takes a version such as 4.5, not {blender!r}")
        return blender
    try:
        return importlib.metadata.version("bpy")
    except importlib.metadata.PackageNotFoundError:
        return None


def _version(facts: SceneFacts) -> str:
    return "{}.{}".format(*facts.blender_version)


def _scene(entry: SceneEntry) -> dict[str, Any]:
    width, height = entry.size
    return {
        "name": entry.name,
        "frames": _frames(entry),
        "fps": str(entry.fps),
        "size": [width * entry.percentage // 100, height * entry.percentage // 100],
        "engine": entry.engine,
        "camera": entry.camera,
        "colours": entry.colours.to_json(),
    }


def _frames(entry: SceneEntry) -> str:
    if entry.frame_end < entry.frame_start:
        return "none"
    step = f":{entry.frame_step}" if entry.frame_step > 1 else ""
    return f"{entry.frame_start}-{entry.frame_end}{step}"


def _lines(finding: Finding) -> Iterator[str]:
    facts = finding.facts
    yield f"{facts.file}, saved by Blender {_version(facts)}"
    for entry in facts.scenes:
        mark = "*" if entry.name == facts.active and len(facts.scenes) > 1 else " "
        width, height = _scene(entry)["size"]
        camera = f"camera {entry.camera}" if entry.camera else "no camera"
        yield (
            f"{mark} {entry.name}: frames {_frames(entry)}, {float(entry.fps):g} fps, {width} x {height}, "
            f"{entry.engine}, {camera}, {entry.colours}"
        )
    for state, paths in (("there", list(finding.there)), ("missing", list(finding.missing))):
        for path in paths[:_LISTED]:
            yield f"  {state:<7} {path}"
        if len(paths) > _LISTED:
            yield f"  {state:<7} and {len(paths) - _LISTED:,} more"
