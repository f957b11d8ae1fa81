"""Writes docs/compatibility.md from the results of a run."""

import re
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from tests.compatibility.rows import VERSIONS, all_rows
from tests.compatibility.run import Result

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"
_PENDING, _ABSENT = "not rendered yet", "not in this Blender"
_BETWEEN_CELLS = re.compile(r"(?<!\\)\|")
_HEAD = """# Compatibility

Each row is a small scene with one feature of Blender. A test renders it with plain Blender, as `blender -b -a` does,
and on a farm in chunks of two frames, in the same run, and compares all pixels, channels and bits. This file is
generated from the results by `python -m tests.compatibility --write`. The scenes are in `tests/compatibility/groups/`.

- **same pixels**: the frames of the farm equal those of plain Blender exactly.
- **refused**: the job ends before or at its first frame with this sentence. No wrong frame is stored.
- **announced**: `frameloom check`, the submission and the job's report have this sentence.

"""


Cells = Mapping[tuple[str, str], str]


def document(cells: Cells) -> str:
    """Return the document for the cells of the table, by row id and version."""
    text = [_HEAD + _summary(cells)]
    for group, rows in groupby(all_rows().values(), key=lambda row: row.group):
        text.append(f"\n## {group}\n\n| feature | {' | '.join(f'Blender {version}' for version in VERSIONS)} |\n")
        text.append("|---|" + "---|" * len(VERSIONS) + "\n")
        for row in rows:
            found = (cells.get((row.id, each), _PENDING if each in row.versions else _ABSENT) for each in VERSIONS)
            text.append(f"| {_escaped(row.feature)} | {' | '.join(map(_escaped, found))} |\n")
    return "".join(text)


def cells_of(results: Mapping[tuple[str, str], Result]) -> dict[tuple[str, str], str]:
    """Return the cells of results."""
    return {case: result.cell for case, result in results.items()}


def written_cells(text: str) -> dict[tuple[str, str], str]:
    """Return the cells in a document, of rows that still exist."""
    ids = {(row.group, _escaped(row.feature)): row.id for row in all_rows().values()}
    group, found = "", dict[tuple[str, str], str]()
    for line in text.splitlines():
        group = line.removeprefix("## ") if line.startswith("## ") else group
        parts = [part.strip() for part in _BETWEEN_CELLS.split(line)[1:-1]]
        if parts and (group, parts[0]) in ids:
            row = all_rows()[ids[group, parts[0]]]
            cells = zip(VERSIONS, parts[1:], strict=True)
            found |= {(row.id, version): _plain(cell) for version, cell in cells if cell not in (_PENDING, _ABSENT)}
    return found


def _summary(cells: Cells) -> str:
    lines = []
    for version in VERSIONS:
        of_version = [cell for (_, of), cell in cells.items() if of == version]
        kinds = ("same pixels", "announced", "refused", "**differs", "failed")
        counts = [(kind, sum(cell.startswith(kind) for cell in of_version)) for kind in kinds]
        listed = ", ".join(f"{count} {kind.strip('*')}" for kind, count in counts if count)
        lines.append(f"Blender {version}: {len(of_version)} rows: {listed}.\n")
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _plain(text: str) -> str:
    return text.replace("\\|", "|")
