"""Documents and messages name no package or image that the project does not own."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Neither PyPI's, npm's nor Docker Hub's `frameloom` is this project. A checkout has `make env` and `make image`.
INSTALLED = re.compile(
    r"\b(?:pip3?|pipx|uv|uvx|poetry|conda|npm|npx|yarn|docker|podman|nerdctl)\b[^\n]*"
    r"(?:\b(?:install|add|i|x|exec|pull|tool)\b|\bx\b)[^\n]*\bframeloom\b"
    r"|\b(?:pipx|uvx|npx)\s+frameloom\b|\bframeloom\[",
    re.IGNORECASE,
)


def problems(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if INSTALLED.search(line)]


@pytest.mark.parametrize(
    "line",
    [
        "`pip install frameloom[worker]` with Python 3.11",
        "python -m pip install --quiet frameloom",
        "uv tool install frameloom",
        "uvx frameloom render shot.blend",
        "npm install -g frameloom",
        "docker pull frameloom/worker",
    ],
)
def test_a_line_that_installs_an_unowned_name_is_found(line: str) -> None:
    assert problems(line) == [line]


def test_no_message_and_no_document_installs_one() -> None:
    command = ["git", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = {}
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path == Path(__file__) or not path.is_file() or b"\0" in (data := path.read_bytes()):
            continue
        if lines := problems(data.decode("utf-8", errors="replace")):
            found[name] = lines
    assert found == {}
