"""Write the names in the installed Blender's colour configuration to `frameloom/model/colour_names.json`.

    python tools/colour_names.py

Run it with each supported Blender; `tests/unit/test_scene_checks.py` compares the file with the installed Blender.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import bpy

NAMES = Path(__file__).resolve().parents[1] / "src/frameloom/model/colour_names.json"


def offered() -> dict[str, Any]:
    """Return the views by display, the looks by view, and all names of colour spaces."""
    scene = bpy.context.scene
    views: dict[str, list[str]] = {}
    looks: dict[str, list[str]] = {}
    for display in _values(scene.display_settings, "display_device"):
        scene.display_settings.display_device = display
        views[display] = _values(scene.view_settings, "view_transform")
        for view in views[display]:
            scene.view_settings.view_transform = view
            looks[view] = _values(scene.view_settings, "look")
    return {"views": views, "looks": looks, "spaces": _spaces()}


def _values(owner: Any, field: str) -> list[str]:
    """Return the values of an enumeration, which Blender lists only in the error for another value."""
    try:
        setattr(owner, field, "no such name")
    except TypeError as refusal:
        return re.findall(r"'([^']*)'", str(refusal).partition(" not found in ")[2])
    raise RuntimeError(f"{field} takes any value")


def _spaces() -> list[str]:
    """Return the names, aliases and roles by which Blender finds a colour space in its configuration."""
    configuration = Path(bpy.utils.system_resource("DATAFILES"), "colormanagement", "config.ocio").read_text()
    section = {}
    for part in re.split(r"^(?=\w+:)", configuration, flags=re.MULTILINE):
        name, _, body = part.partition(":")
        section[name] = body
    names = set(re.findall(r"^  (\w+): ", section["roles"], re.MULTILINE))
    for spaces in (section["colorspaces"], section.get("display_colorspaces", "")):
        names.update(re.findall(r"^    name: (.+)$", spaces, re.MULTILINE))
        for aliases in re.findall(r"^    aliases: \[(.+)\]$", spaces, re.MULTILINE):
            names.update(alias.strip(' "') for alias in re.findall(r'"[^"]+"|[^,]+', aliases))
    return sorted(names)


def main() -> None:
    """Replace this Blender's entry and leave the others."""
    known = json.loads(NAMES.read_text(encoding="utf-8")) if NAMES.exists() else {}
    known["{}.{}".format(*bpy.app.version[:2])] = offered()
    NAMES.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # A normal exit may hang in bpy.
    os._exit(0)
