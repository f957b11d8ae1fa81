"""Counts constructions to avoid in the repository's prose: `python -m tools.prose [PATH...] [--list] [--check]`.

`--write` also writes the table of the whole repository to docs/decisions/0021-plain-english.md.
"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tools.prose.passages import passages, source_files
from tools.prose.rules import RULES, Finding, Rule, findings, words_in

ROOT = Path(__file__).parents[2]
DECISION = ROOT / "docs/decisions/0021-plain-english.md"
BEGIN, END = "<!-- after: begin -->\n", "\n<!-- after: end -->"
# Planted sentences.
EXEMPT = {ROOT / "tests/unit/test_prose.py", ROOT / "tools/prose/rules.py"}


@dataclass(slots=True, kw_only=True)
class Count:
    """The words of a folder and its findings."""

    words: int = 0
    findings: list[Finding] = field(default_factory=list)

    def rate(self, rule: Rule) -> float:
        """Return the findings of a rule in 1,000 words."""
        return 1000 * sum(finding.rule is rule for finding in self.findings) / max(self.words, 1)

    def add(self, other: "Count") -> None:
        """Add the words and findings of another folder."""
        self.words += other.words
        self.findings += other.findings


def count(path: Path) -> Count:
    """Count the prose of one file."""
    total = Count()
    for passage in passages(path):
        total.words += words_in(passage)
        total.findings += findings(passage)
    return total


def count_by_folder(paths: Iterable[Path]) -> dict[str, Count]:
    """Count the prose under `paths` by folder, without the files that hold planted sentences."""
    folders: dict[str, Count] = defaultdict(Count)
    for path in source_files(paths):
        if path.resolve() not in EXEMPT:
            folders[_folder(path)].add(count(path))
    return dict(sorted(folders.items()))


def broken(total: Count) -> list[Rule]:
    """Return the rules whose rate is above their limit."""
    return [rule for rule in RULES if total.rate(rule) > rule.limit]


def table(folders: dict[str, Count], total: Count) -> str:
    """Return a Markdown table: a row for each folder, a column for each rule, in uses for each 1,000 words."""
    rows = [["folder", "words", *(f"`{rule.name}`" for rule in RULES)], ["---", "---:", *("---:" for _ in RULES)]]
    for name, counted in [*folders.items(), ("**all**", total)]:
        rows.append([name, f"{counted.words:,}", *(f"{counted.rate(rule):.2f}" for rule in RULES)])
    rows.append(["limit", "", *(f"{rule.limit:.2f}" for rule in RULES)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def report(found: Iterable[Finding]) -> str:
    """Return a line for each finding: its place, its rule, its sentence and the advice."""
    ordered = sorted(found, key=lambda finding: (finding.passage.path, finding.line))
    return "\n".join(
        f"{_shown(finding.passage.path)}:{finding.line}: {finding.rule.name}: {finding.sentence}"
        f"\n    instead: {finding.rule.instead}"
        for finding in ordered
    )


def main(arguments: list[str] | None = None) -> int:
    """Print the table; with --check, return 1 when a rate is above its limit."""
    parser = argparse.ArgumentParser(prog="python -m tools.prose", description=__doc__)
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="files or folders; the repository if absent"
    )
    parser.add_argument("--list", action="store_true", help="print each finding")
    parser.add_argument("--check", action="store_true", help="print findings and fail only where a rate is too high")
    parser.add_argument("--write", action="store_true", help=f"write the table to {DECISION.name}, for all paths")
    options = parser.parse_args(arguments)
    folders = count_by_folder(options.paths or [ROOT])
    total = Count()
    for counted in folders.values():
        total.add(counted)
    too_high = broken(total)
    if options.list:
        print(report(total.findings))
    elif options.check and too_high:
        print(report(finding for finding in total.findings if finding.rule in too_high))
    if options.write and not options.paths:
        before, _, rest = DECISION.read_text(encoding="utf-8").partition(BEGIN)
        DECISION.write_text(before + BEGIN + table(folders, total) + END + rest.partition(END)[2], encoding="utf-8")
    if not options.check:
        print(table(folders, total))
    elif too_high:
        uses = Counter(finding.rule.name for finding in total.findings)
        for rule in too_high:
            allowed = int(rule.limit * total.words / 1000)
            print(f"{rule.name}: {uses[rule.name]} uses in {total.words:,} words, at most {allowed} are allowed")
    return 1 if options.check and too_high else 0


def _folder(path: Path) -> str:
    parts = _shown(path).parent.parts
    if not parts:
        return "."
    depth = 3 if parts[0] == "src" else 2 if parts[0] in {"tests", "docs"} else 1
    return "/".join(parts[:depth]) if parts[0] != "/" else path.parents[len(path.parents) - 4].name


def _shown(path: Path) -> Path:
    resolved = path.resolve()
    return resolved.relative_to(ROOT) if resolved.is_relative_to(ROOT) else resolved


if __name__ == "__main__":
    sys.exit(main())
