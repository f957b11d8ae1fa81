"""docs/cli.md and the commands: one cannot change without the other."""

import subprocess
import sys
from pathlib import Path

import pytest

from frameloom import __version__
from frameloom.cli import reference

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    "render",
    "sequence",
    "check",
    "status",
    "logs",
    "fetch",
    "cancel",
    "retry",
    "farm",
    "farm up",
    "farm down",
    "blender",
    "blender add",
    "blender list",
    "blender remove",
    "stack",
    "stack list",
    "stack delete",
    "fleet",
    "fleet deploy",
    "fleet watch",
    "fleet delete",
    "fleet zones",
)


def test_the_document_equals_the_help_of_the_commands() -> None:
    assert (ROOT / reference.DOCUMENT).read_text(encoding="utf-8") == reference.reference()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    assert f"## `frameloom {command}`" in reference.reference()


def test_the_document_is_the_same_in_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert (ROOT / reference.DOCUMENT).read_text(encoding="utf-8") == reference.reference()


def test_a_document_that_is_out_of_date_is_found_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "cli.md"
    document.write_text(reference.reference() + "\nAn option that is gone.\n", encoding="utf-8")
    monkeypatch.setattr(reference, "DOCUMENT", document)
    monkeypatch.setattr(sys, "argv", ["reference", "--check"])
    assert reference.main() == 1
    assert "--write" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["reference", "--write"])
    assert reference.main() == 0
    monkeypatch.setattr(sys, "argv", ["reference", "--check"])
    assert reference.main() == 0


def ended(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "frameloom", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("words", ["--help", "render --help", "farm up --help", "fleet deploy --help", "--version"])
def test_help_imports_no_slow_package(words: str) -> None:
    ran = ended(*words.split())
    assert ran.returncode == 0
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in ran.stderr.splitlines()}
    assert "typer" in imported
    assert imported & {"boto3", "botocore", "moto", "rich", "bpy", "av", "kubernetes", "matplotlib", "yaml"} == set()


def test_help_has_examples() -> None:
    for command in (
        "render",
        "sequence",
        "check",
        "status",
        "logs",
        "farm up",
        "blender add",
        "blender list",
        "blender remove",
        "stack list",
        "stack delete",
        "fleet deploy",
        "fleet watch",
        "fleet delete",
    ):
        assert f"  frameloom {command}" in ended(*command.split(), "--help").stdout.rpartition("Examples:")[2]


def test_the_version_is_printed() -> None:
    assert ended("--version").stdout == f"frameloom {__version__}\n"


def test_no_command_shows_the_help() -> None:
    assert ended().stdout == ended("--help").stdout
    for group in ("farm", "blender", "stack", "fleet"):
        assert ended(group).stdout == ended(group, "--help").stdout
