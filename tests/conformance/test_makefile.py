"""The make targets that delete files or judge a run, in a folder of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.toolbox import ROOT

PROJECT = """\
[tool.coverage.run]
source = ["measured"]

[tool.coverage.report]
fail_under = {floor}
"""
HALF_TESTED = "def tested():\n    return 1\n\n\ndef untested():\n    return 2\n"
TEST = "import measured\n\n\ndef test_it():\n    assert measured.tested() == 1\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "Makefile", tmp_path)
    return tmp_path


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["make", *words]
    # This run's own coverage, and options of a make that runs it, are not for the one that is tested.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "COVERAGE"))}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_clean_removes_environments_and_caches_and_keeps_rendered_files(project: Path) -> None:
    kept = {"out/rolling_ball.mp4", "renders/shot.mp4", "tools/sam/uv.lock", "dist/frameloom.whl", "tests/.keep"}
    removed = {".venv/bin/python", ".uv/bin/uv", ".ruff_cache/a", ".fuzz/a", "tools/sam/.venv/a", ".coverage"}
    for name in kept | removed:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    ended = make(project, "clean")
    assert ended.returncode == 0, ended.stderr
    files = {str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()}
    assert files == {*kept, "Makefile"}


@pytest.mark.parametrize(("floor", "code"), [(75, 0), (76, 2)])
def test_coverage_below_the_floor_fails_with_the_way_to_find_the_lines(project: Path, floor: int, code: int) -> None:
    (project / "pyproject.toml").write_text(PROJECT.format(floor=floor))
    (project / "measured.py").write_text(HALF_TESTED)
    (project / "test_it.py").write_text(TEST)
    ended = make(project, "test", "--assume-old=env", f"RUN={Path(sys.executable).parent}")
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert ("Coverage is below the floor, fail_under in pyproject.toml." in ended.stderr) is (code == 2)
    assert ("coverage report --show-missing" in ended.stderr) is (code == 2)
    assert ("measured.py" in ended.stdout) is (code == 2)
