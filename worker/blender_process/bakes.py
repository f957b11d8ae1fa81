"""Checks the bakes of Geometry Nodes in a scene's folder, before Blender reads them.

A bake has JSON files in a folder `meta`. They name the files in the folder `blobs` beside it that hold the data, each
with a start and a size. Blender joins folder and name as they are, so `../../../etc/passwd` is a mesh's data as well.
"""

import json
import re
from pathlib import Path
from typing import Any

from frameloom.model.errors import InvalidRequest

_SEPARATORS = re.compile(r"[/\\]")
# A message that holds more would not fit into the error of an execution.
_LONGEST_NAME = 120
_OF_SLICES = frozenset({"start", "size"})


def check_bakes(root: Path, *, file: str) -> None:
    """Return if all bakes below `root` take their data from their own folders.

    Raises:
        InvalidRequest: one names a file elsewhere, or is not valid JSON.
    """
    for path in sorted(root.rglob("meta/*.json")):
        try:
            json.loads(path.read_bytes(), object_pairs_hook=_check)
        except (ValueError, RecursionError) as error:
            name = path.relative_to(root)
            problem = f"{file!r} has a bake that is damaged, {str(name)!r}: {error}; bake it again"
            raise InvalidRequest(field="file", problem=problem) from None


def _check(pairs: list[tuple[str, Any]]) -> None:
    # Of a key that comes twice Blender takes the first, and Python the last.
    if _OF_SLICES.intersection(key for key, _ in pairs):
        for key, value in pairs:
            if key == "name" and _SEPARATORS.search(str(value)):
                raise ValueError(f"its data is in {str(value)[:_LONGEST_NAME]!r}, outside its folder")
