import subprocess
import sys
from pathlib import Path

import pytest

from tools.prose.__main__ import ROOT, broken, count, count_by_folder, main
from tools.prose.passages import passages
from tools.prose.rules import RULES, findings

PLANTED = {
    "what-is": "It returns what was rendered.",
    "what": "It returns what comes back.",
    "whoever": "Whoever wants the scene's own view renders PNG.",
    "none": "A disk that has none is full.",
    "nobody": "It stops because nobody waits for the token.",
    "tell-say": "The worker tells the farm about the frame.",
    "look-at": "The check looks at the frame.",
    "one-that": "One that runs has both.",
    "stands-lies": "The frame lies in the bucket.",
    "word": "A worker stops within one beat.",
    "long": " ".join(["frame"] * 45) + ".",
}
PLAIN = """
A worker that stops loses its lease, and another worker receives the message. What happens to the frame? It stays.
Set `what is none` to log each heartbeat. Frames are stored in S3.
"""


def rules_found(path: Path) -> list[str]:
    return [finding.rule.name for passage in passages(path) for finding in findings(passage)]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    return tmp_path / "text.md"


def test_each_rule_has_a_planted_sentence() -> None:
    assert set(PLANTED) == {rule.name for rule in RULES}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_sentence_breaks_its_rule(name: str, text: Path) -> None:
    text.write_text(PLANTED[name])
    assert name in rules_found(text)


def test_plain_sentences_break_no_rule(text: Path) -> None:
    text.write_text(PLAIN)
    assert rules_found(text) == []


@pytest.mark.parametrize(
    "source",
    [
        '"""Return what is left."""\n',
        "x = 1  # Return what is left.\n",
        "# Return what\n# is left.\nx = 1\n",
        'raise ValueError("Return what is left")\n',
        'raise ValueError(f"Return {x} and what is left")\n',
    ],
)
def test_docstrings_comments_and_messages_of_python_are_read(source: str, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(source)
    assert "what-is" in rules_found(path)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("template.yaml", "# Return what is left.\nx: 1\n"),
        ("template.yaml", "x: 1  # Return what is left.\n"),
        ("template.yaml", "Description: Return what is left.\n"),
        ("template.yaml", "Description: >-\n  Return what\n  is left.\nOther: 1\n"),
        ("pyproject.toml", 'description = "Return what is left."\n'),
        ("Dockerfile", "# Return what is left.\nFROM x\n"),
        ("Makefile", "test: env  ## Return what is left.\n"),
        ("text.md", "| a | Return what is left |\n"),
        ("text.md", "- a\n- Return what\n  is left\n"),
    ],
)
def test_comments_and_descriptions_of_other_files_are_read(name: str, source: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(source)
    assert "what-is" in rules_found(path)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("module.py", 'x = "what is"\n'),
        ("module.py", "x = 1  # noqa: what is left\n"),
        ("text.md", "```\nReturn what is left\n```\n"),
        ("text.md", "Return `what is` left.\n"),
        ("text.md", "<!-- what is left -->\n"),
        ("template.yaml", "what: what is left\n"),
    ],
)
def test_code_is_not_read(name: str, source: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(source)
    assert rules_found(path) == []


def test_a_finding_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text('"""Frames.\n\nA frame is stored.\nReturn what is left.\n"""\n')
    lines = [finding.line for passage in passages(path) for finding in findings(passage)]
    assert set(lines) == {4}


def test_a_rate_is_for_each_thousand_words(text: Path) -> None:
    text.write_text("Return what is left. " + "Frames are stored. " * 332)
    counted = count(text)
    assert counted.words == 1000
    assert counted.rate(next(rule for rule in RULES if rule.name == "what-is")) == pytest.approx(1.0)


def test_one_use_in_many_words_is_allowed(text: Path) -> None:
    text.write_text("Return what is left. " + "Frames are stored. " * 4000)
    assert broken(count(text)) == []


def test_the_check_prints_the_place_the_sentence_and_the_advice(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text.write_text("Frames are stored.\n\nReturn what is left.\n")
    assert main([str(text), "--check"]) == 1
    printed = capsys.readouterr().out
    assert f"{text}:3: what-is: Return what is left." in printed
    assert "instead: name the thing" in printed


def test_the_check_prints_nothing_for_plain_text(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text.write_text(PLAIN)
    assert main([str(text), "--check"]) == 0
    assert capsys.readouterr().out == ""


def test_the_table_has_a_row_for_each_folder_of_the_repository() -> None:
    folders = count_by_folder([ROOT / "statemachine", ROOT / "tests" / "unit"])
    assert set(folders) == {"statemachine", "tests/unit"}


def test_the_command_runs_from_the_repository(text: Path) -> None:
    text.write_text(PLANTED["nobody"])
    command = [sys.executable, "-m", "tools.prose", "--check", str(text)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, "")
    assert "nobody" in result.stdout
