"""The rule of `frameloom.model.sources` compared with Blender, for the facts from the file and for the worker's."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from frameloom.model.errors import InvalidRequest, NoCamera
from frameloom.services.scene.reader import read_scene

CASES = Path(__file__).parents[1] / "source_scenes.py"
NAMES = [line[4:].partition("(")[0] for line in CASES.read_text().partition("\n@case\n")[2].splitlines()
         if line.startswith("def ") and line.endswith("(s: Any) -> None:")]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sources")


@pytest.fixture(scope="module")
def verdicts(folder: Path) -> dict[str, tuple[bool, bool]]:
    command = [sys.executable, "-m", "tests.source_scenes", str(folder)]
    done = subprocess.run(command, cwd=CASES.parents[1], capture_output=True, text=True, check=True)
    found: dict[str, tuple[bool, bool]] = json.loads(done.stdout.splitlines()[-1])
    assert list(found) == NAMES
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_scene_is_refused_if_blender_renders_no_picture(
    verdicts: dict[str, tuple[bool, bool]], folder: Path, name: str
) -> None:
    renders, worker_expects = verdicts[name]
    try:
        read_scene(folder / f"{name}.blend").pick()
        expected = True
    except (InvalidRequest, NoCamera):
        expected = False
    assert (expected, worker_expects) == (renders, renders)
