"""The documents refer to files, headings, commands, options, make targets and modules that exist."""

import ast
import importlib.util
import inspect
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from frameloom.cli.app import app
from frameloom.client import Farm, Job, JobInfo
from frameloom.model.log_event import LogEvent

ROOT = Path(__file__).parents[2]
GIT_LS_FILES = ["git", "ls-files", "*.md"]
LISTED = subprocess.run(GIT_LS_FILES, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
PAGES = [Path(name) for name in LISTED if (ROOT / name).exists()]
# Sections of the changelog keep the names of their version, and docs/cli.md is generated.
CURRENT = [page for page in PAGES if page.name not in {"CHANGELOG.md", "cli.md"}]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
CODE = re.compile(r"```[^\n]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
COMMAND = re.compile(r"(?:^|\$\(|&& |; )(?:\.venv/bin/)?frameloom ([a-z][^\n#|;)]*)", re.MULTILINE)
REPOSITORY_PATH = re.compile(
    r"(?:src|worker|statemachine|functions|cluster|tests|tools|benchmarks|docs|examples|events)/[\w./-]*[\w/]"
)


def code_in(text: str) -> Iterator[str]:
    for match in CODE.finditer(text):
        yield (match[1] or match[2] or "").replace("\\\n", " ")


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading).lower() for heading in headings)
    return {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in plain}


def broken_links(page: Path, text: str) -> list[str]:
    broken = []
    for target, anchor in LINK.findall(CODE.sub("", text)):
        path = (ROOT / page.parent / target).resolve() if target else ROOT / page
        if not path.exists() or (anchor and anchor not in anchors(path.relative_to(ROOT))):
            broken.append(f"{target}#{anchor}")
    return broken


def unknown_commands(text: str) -> list[str]:
    """Return the `frameloom` commands in code that the command line does not have, or with unknown options."""
    unknown = []
    for code in code_in(text):
        for line in COMMAND.findall(code):
            command: Any = typer.main.get_command(app)
            words = line.split()
            while words and words[0] in getattr(command, "commands", {}):
                command = command.commands[words.pop(0)]
            options = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
            strange = [
                word for word in words if word.startswith("--") and word.split("=")[0] not in {*options, "--help"}
            ]
            if (hasattr(command, "commands") and words) or strange:
                unknown.append(f"frameloom {line.strip()}")
    return unknown


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    assert broken_links(page, (ROOT / page).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", CURRENT, ids=str)
def test_commands_and_options_exist(page: Path) -> None:
    assert unknown_commands((ROOT / page).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", CURRENT, ids=str)
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        word
        for code in code_in((ROOT / page).read_text(encoding="utf-8"))
        for word in re.findall(r"(?:^|(?<=\s))make ([a-z-]+)", code)
    }
    assert named - targets == set()


@pytest.mark.parametrize("page", CURRENT, ids=str)
def test_modules_that_are_run_exist(page: Path) -> None:
    named = {
        module
        for code in code_in((ROOT / page).read_text(encoding="utf-8"))
        for module in re.findall(r"python -m ([\w.]+)", code)
    }
    assert [module for module in sorted(named) if importlib.util.find_spec(module) is None] == []


@pytest.mark.parametrize("page", CURRENT, ids=str)
def test_paths_of_the_repository_exist(page: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = {code.partition("::")[0] for code in code_in(text) if REPOSITORY_PATH.fullmatch(code.partition("::")[0])}
    assert [path for path in sorted(named) if "NAME" not in path and not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", CURRENT, ids=str)
def test_python_examples_import_names_that_exist(page: Path) -> None:
    for source in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.module:
                module = importlib.import_module(node.module)
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_the_python_api_has_the_documented_methods() -> None:
    classes = {"farm": Farm, "Farm": Farm, "job": Job, "info": JobInfo}
    page = "\n".join(code_in((ROOT / "docs/td.md").read_text(encoding="utf-8")))
    used = set(re.findall(r"(?<![/\w])(farm|Farm|job|info)\.([a-z_]+)", page))
    known = {(name, member) for name, kind in classes.items() for member in {*dir(kind), *attributes(kind)}}
    assert len(used) > 10
    assert used - known == set()


def test_every_log_event_is_documented() -> None:
    section = (ROOT / "docs/td.md").read_text(encoding="utf-8").partition("## Logs\n")[2].partition("\n## ")[0]
    assert {event for event in LogEvent if f"`{event}`" not in section} == set()


def attributes(kind: type) -> set[str]:
    return set(re.findall(r"self\.([a-z]\w*)\b.*=", inspect.getsource(kind)))


class TestPlantedFaults:
    def test_a_link_to_a_missing_heading_is_found(self) -> None:
        text = "[a](docs/cli.md#frameloom-render) [b](docs/cli.md#nowhere) [c](docs/nowhere.md)"
        assert broken_links(Path("README.md"), text) == ["docs/cli.md#nowhere", "docs/nowhere.md#"]

    def test_an_unknown_command_and_an_unknown_option_are_found(self) -> None:
        text = "`frameloom render --frames 1`, `frameloom paint x`, ```\nframeloom fetch J --speed 2\n```"
        assert unknown_commands(text) == ["frameloom paint x", "frameloom fetch J --speed 2"]
