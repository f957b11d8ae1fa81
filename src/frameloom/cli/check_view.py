"""The output of `frameloom check`: a scene's contents in a few lines or as JSON, and the reason for a refusal."""

from collections.abc import Iterator
from typing import Any

import typer

from frameloom.cli.output import REFUSED, tell_error, tell_json, tell_notice
from frameloom.cli.terminal import say
from frameloom.client.scene_check import SceneCheck
from frameloom.model.scene import SceneEntry, SceneFacts
from frameloom.model.sources import without_camera

# A sequence may have thousands of frames.
_LISTED = 20


def show(check: SceneCheck, *, json: bool) -> None:
    """Print the contents of a scene and its missing files.

    Raises:
        typer.Exit: a farm would refuse the scene; the reason was printed.
    """
    if json:
        tell_json(as_json(check))
    else:
        say(*_lines(check))
    for notice in check.notices:
        tell_notice(notice)
    if check.refusal is not None:
        tell_error(type(check.refusal).__name__, str(check.refusal), json=False)
        raise typer.Exit(REFUSED)


def as_json(check: SceneCheck) -> dict[str, Any]:
    """Return the document that `--json` prints."""
    document = {
        "file": check.facts.file,
        "blender": check.blender,
        "rendered_by": check.rendered_by,
        "active": check.facts.active,
        "scenes": [_scene(entry) for entry in check.facts.scenes],
        "cameras": list(check.facts.cameras),
        "assets": [{"path": path, "bytes": size} for path, size in check.assets.items()],
        "missing": list(check.missing),
        "scripts": list(check.scripts),
        "notices": [notice.to_json() for notice in check.notices],
    }
    refusal = check.refusal
    return document | ({} if refusal is None else {"error": type(refusal).__name__, "cause": str(refusal)})


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
        "views": [] if entry.views is None else [view.name for view in entry.views.rendered],
    }


def _camera(entry: SceneEntry, facts: SceneFacts) -> str:
    if entry.camera:
        return f"camera {entry.camera}"
    if entry.sources.has_camera:
        return "cameras bound to markers"
    return "no camera" if without_camera(entry.name, facts.sources) == entry.name else "needs no camera"


def _frames(entry: SceneEntry) -> str:
    if entry.frame_end < entry.frame_start:
        return "none"
    step = f":{entry.frame_step}" if entry.frame_step > 1 else ""
    return f"{entry.frame_start}-{entry.frame_end}{step}"


def _lines(check: SceneCheck) -> Iterator[str]:
    facts = check.facts
    rendered_by = "" if check.rendered_by is None else f", rendered by {check.rendered_by}"
    yield f"{facts.file}, saved by Blender {check.blender}{rendered_by}"
    for entry in facts.scenes:
        mark = "*" if entry.name == facts.active and len(facts.scenes) > 1 else " "
        width, height = _scene(entry)["size"]
        views = "" if entry.views is None else f", {entry.views.describe('PNG')}"
        yield (
            f"{mark} {entry.name}: frames {_frames(entry)}, {float(entry.fps):g} fps, {width} x {height}, "
            f"{entry.engine}, {_camera(entry, facts)}, {entry.colours}{views}"
        )
    for state, paths in (("there", list(check.assets)), ("missing", list(check.missing))):
        for path in paths[:_LISTED]:
            yield f"  {state:<7} {path}"
        if len(paths) > _LISTED:
            yield f"  {state:<7} and {len(paths) - _LISTED:,} more"
