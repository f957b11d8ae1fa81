"""Writes docs/compatibility.md from the results of a run."""

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from tests.compatibility.rows import VERSIONS, all_rows
from tests.compatibility.run import Result

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"
_HEAD = """# Compatibility

Each row is a small scene with one feature of Blender. A test renders it with plain Blender, as `blender -b -a` does,
and on a farm in chunks of two frames, in the same run, and compares all pixels, channels and bits. This file is
generated from the results by `python -m tests.compatibility --write`. The scenes are in `tests/compatibility/groups/`.

- **same pixels**: the frames of the farm equal those of plain Blender exactly.
- **refused**: the job ends before or at its first frame with this sentence. No wrong frame is stored.
- **announced**: `frameloom check`, the submission and the job's report have this sentence.

"""


def document(results: Mapping[tuple[str, str], Result]) -> str:
    """Return the document for results by row id and version."""
    text = [_HEAD + _summary(results)]
    for group, rows in groupby(all_rows().values(), key=lambda row: row.group):
        text.append(f"\n## {group}\n\n| feature | {' | '.join(f'Blender {version}' for version in VERSIONS)} |\n")
        text.append("|---|" + "---|" * len(VERSIONS) + "\n")
        for row in rows:
            found = (results.get((row.id, version)) for version in VERSIONS)
            cells = (_cell("not in this Blender" if result is None else result.cell) for result in found)
            text.append(f"| {_cell(row.feature)} | {' | '.join(cells)} |\n")
    return "".join(text)


def _summary(results: Mapping[tuple[str, str], Result]) -> str:
    lines = []
    for version in VERSIONS:
        cells = [result.cell for (_, of), result in results.items() if of == version]
        kinds = ("same pixels", "announced", "refused", "**differs", "failed")
        counts = [(kind, sum(cell.startswith(kind) for cell in cells)) for kind in kinds]
        listed = ", ".join(f"{count} {kind.strip('*')}" for kind, count in counts if count)
        lines.append(f"Blender {version}: {len(cells)} rows: {listed}.\n")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
