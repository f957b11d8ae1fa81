"""The GitHub Actions workflows pass actionlint, run make targets that exist, and have the fewest permissions."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conformance.toolbox import ROOT, actionlint_findings

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
EACH = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
# A tag can be moved to other code; a commit can't.
PINNED = re.compile(r"uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")


def test_every_kind_of_run_has_its_workflow() -> None:
    assert {path.stem for path in WORKFLOWS} == {"check", "weekly", "release"}


def test_actionlint_finds_a_planted_fault_and_no_other(tmp_path: Path) -> None:
    faulty = tmp_path / "check.yml"
    faulty.write_text((ROOT / ".github/workflows/check.yml").read_text().replace("matrix.target", "matrix.goal"))
    findings = actionlint_findings(*WORKFLOWS, faulty)
    assert [(finding["file"], finding["kind"]) for finding in findings] == [(str(faulty), "expression")]


@EACH
def test_actions_are_pinned_to_a_commit(path: Path) -> None:
    used = [line.strip().removeprefix("- ") for line in path.read_text().splitlines() if "uses:" in line]
    assert used
    assert [line for line in used if PINNED.fullmatch(line) is None] == []


@EACH
def test_a_job_may_only_read_unless_it_publishes(path: Path) -> None:
    workflow = _load(path)
    assert workflow["permissions"] == {"contents": "read"}
    jobs = workflow["jobs"]
    assert {name: job["permissions"] for name, job in jobs.items() if "permissions" in job} == (
        {"publish": {"contents": "write"}} if path.stem == "release" else {}
    )
    for job in jobs.values():
        assert 10 <= job["timeout-minutes"] <= 90
        for step in job["steps"]:
            if "/checkout@" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


def test_the_job_that_may_write_runs_nothing_of_the_checkout() -> None:
    steps = _load(ROOT / ".github/workflows/release.yml")["jobs"]["publish"]["steps"]
    assert not [step for step in steps if "checkout" in step.get("uses", "")]
    assert [step["run"].split()[:3] for step in steps if "run" in step] == [["gh", "release", "create"]]


@EACH
def test_make_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for job in _load(path)["jobs"].values():
        goals = job.get("strategy", {}).get("matrix", {}).get("target", [])
        commands = [step["run"].removeprefix("make ") for step in job["steps"] if "make " in step.get("run", "")]
        words = [word for command in (*goals, *commands) for word in command.split() if word.islower() or "-" in word]
        assert set(words) - {"matrix.target"} <= targets


def test_a_push_runs_the_targets_of_make_check() -> None:
    goals = _load(ROOT / ".github/workflows/check.yml")["jobs"]["check"]["strategy"]["matrix"]["target"]
    checked = re.search(r"^check: (.+?)  ##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert checked is not None
    assert " ".join(goals) == checked[1]


def _load(path: Path) -> dict[str, Any]:
    workflow: dict[str, Any] = yaml.safe_load(path.read_text())
    return workflow
