"""The layout: the tables of CONTRIBUTING.md, the length of files, and the names of modules."""

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from tests.conformance.toolbox import ROOT

LONGEST = 350
# Generated or data: each with its source.
LONG_BY_NATURE = {
    "template.yaml",  # `sam deploy` takes one template
    "cluster/eks.yaml",  # CloudFormation takes one template
    "uv.lock",
    "LICENSE",
    "docs/cli.md",  # python -m frameloom.cli.reference
    "statemachine/render_job.asl.json",  # python -m statemachine
}
CHECKED = {".py", ".mjs", ".sh", ".toml", ".yml", ".yaml", ".js", ""}
# A port and the modules that implement it have the same name.
PORTS: set[frozenset[str]] = set()


def tracked() -> list[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]


def documented() -> set[str]:
    """Return the folders and packages of the tables in CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    tables = text.partition("<!-- layout: begin -->")[2].partition("<!-- layout: end -->")[0]
    cells = [line.split("|")[1] for line in tables.splitlines() if line.startswith("| `")]
    return {name.rstrip("/") for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def folders() -> Iterator[str]:
    """Yield each folder at the top, and each package below the one that is installed and the worker."""
    for path in tracked():
        if len(path.parts) > 1:
            yield path.parts[0]
        if path.name == "__init__.py" and path.parts[0] in {"src", "worker"}:
            package = ".".join(path.parent.parts).removeprefix("src.")
            if package != "frameloom":
                yield package


def test_the_layout_tables_and_the_folders_agree() -> None:
    assert documented() == set(folders())


@pytest.mark.parametrize("suffix", sorted(CHECKED))
def test_no_file_is_too_long(suffix: str) -> None:
    long = {}
    for path in tracked():
        if path.suffix == suffix and str(path) not in LONG_BY_NATURE:
            lines = len((ROOT / path).read_bytes().splitlines())
            if lines > LONGEST:
                long[str(path)] = lines
    assert not long, "\n".join(f"{name} has {lines} lines" for name, lines in sorted(long.items()))


def test_two_modules_share_a_name_only_as_a_port_and_its_implementation() -> None:
    modules = defaultdict(list)
    for path in tracked():
        if path.parts[0] == "src" and path.suffix == ".py" and not path.stem.startswith("__"):
            modules[path.stem].append(".".join(path.with_suffix("").parts[1:]))
    shared = {frozenset(pair) for names in modules.values() for pair in combinations(names, 2)}
    assert shared == PORTS
