"""The results of all scenes as a table, and as a summary by the Blender that saved them."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from tests.corpus.result import Kind, Result

_HEAD = "| file | saved by | facts | verdict | pixels | seconds |\n|---|---|---|---|---|---|"


def table(results: Sequence[Result], *, folder: Path) -> str:
    """Return a Markdown table with a row for each scene, by its path from `folder`, and the summary."""
    rows = (f"| {' | '.join(_cell(text) for text in _row(one, folder))} |" for one in results)
    return "\n".join([_HEAD, *rows, "", summary(results)])


def summary(results: Sequence[Result]) -> str:
    """Return a Markdown table with the number of scenes of each kind, by the Blender that saved them."""
    kinds = [kind for kind in get_args(Kind) if any(one.kind == kind for one in results)]
    counts = Counter((one.saved_by, one.kind) for one in results)
    versions = sorted({one.saved_by for one in results}, key=_number)
    lines = [f"| saved by | files | {' | '.join(kinds)} |", "|---" * (len(kinds) + 2) + "|"]
    for version in versions:
        numbers = [counts[version, kind] for kind in kinds]
        lines.append(f"| {version or '?'} | {sum(numbers)} | {' | '.join(str(each or '') for each in numbers)} |")
    totals = [sum(one.kind == kind for one in results) for kind in kinds]
    return "\n".join([*lines, f"| all | {len(results)} | {' | '.join(map(str, totals))} |"])


def _row(one: Result, folder: Path) -> tuple[str, ...]:
    path = Path(one.path)
    name = str(path.relative_to(folder)) if path.is_relative_to(folder) else one.path
    return name, one.saved_by, _facts(one), _verdict(one), _pixels(one), f"{one.seconds:.0f}"


def _facts(one: Result) -> str:
    if one.unopened is not None:
        return f"Blender cannot open it: {one.unopened}"
    return "; ".join(one.facts) or "same"


def _verdict(one: Result) -> str:
    if one.problem is not None:
        return f"failed: {one.problem.strip().splitlines()[-1]}"
    if one.refusal is not None:
        return f"refused: {one.refusal[1]}"
    parts = [f"with {option} for: {sentence}" for _, sentence, option in one.asked]
    if one.check is not None and one.check[:2] not in [asked[:2] for asked in one.asked]:
        parts.append(f"check refuses: {one.check[1]}")
    parts += [f"announced: {text}" for _, text in one.notices]
    return "; ".join(parts) or "accepted"


def _pixels(one: Result) -> str:
    if not one.ended:
        return "killed: too slow"
    if one.plain_error is not None:
        return f"plain Blender fails: {one.plain_error}"
    if one.refusal is not None:
        return "plain Blender renders it" if one.unopened is None else ""
    if one.unequal is None:
        return ""
    found = [one.unequal and f"differ: {one.unequal}"]
    if one.unequal_in_order:
        found.append(f"differ in order: {one.unequal_in_order}")
    return "; ".join(filter(None, found)) or f"same ({one.frames})"


def _cell(text: str) -> str:
    flat = " ".join(text.replace("|", "\\|").split())
    return flat if len(flat) <= 300 else flat[:299] + "…"


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(each) for each in version.split(".")) if version else ()
