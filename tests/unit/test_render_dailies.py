"""The exit code and the output of the example of the Python API, on a farm in memory."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from frameloom.client import Farm
from frameloom.model.errors import FarmUnavailable, FramesMissing
from tests.scenes import make_scene
from tests.unit.memory_farm import MemoryFarm, make_png

EXAMPLE = Path(__file__).parents[2] / "examples/render_dailies.py"


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryFarm:
    """A farm in memory, in a folder with a good scene, shot.blend, and blind.blend, which has no camera."""
    make_scene(tmp_path / "shot.blend")
    make_scene(tmp_path / "blind.blend", camera=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("frameloom.services.follow_job.QUICKEST", 0.001)
    memory = MemoryFarm(image=make_png())
    monkeypatch.setattr(Farm, "local", lambda: Farm(memory))
    return memory


@pytest.fixture
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("render_dailies", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(example: ModuleType, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["render_dailies.py", *words])
    code: int = example.main()
    return code


@pytest.mark.usefixtures("memory")
def test_a_refused_shot_is_reported_and_the_others_are_rendered(
    example: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(example, monkeypatch, "blind.blend", "shot.blend", "--out", "out") == 1
    out, err = capsys.readouterr()
    assert err.startswith("blind.blend: refused: ")
    assert out.splitlines()[-1].endswith(f": {Path('out/shot.mp4')}")
    assert run(example, monkeypatch, "shot.blend", "--out", "out") == 0


def test_a_failed_shot_is_reported_with_its_error(
    memory: MemoryFarm, example: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    memory.breaks = FramesMissing(count=4, total=5, frames="2-5", reason="")
    assert run(example, monkeypatch, "shot.blend", "--out", "out") == 1
    assert capsys.readouterr().err.startswith("shot.blend: FramesMissing: 4 of 5 frames are missing")


def test_a_farm_that_does_not_start_is_reported(
    memory: MemoryFarm, example: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del memory

    def unavailable() -> Farm:
        raise FarmUnavailable(problem="No port is free.")

    monkeypatch.setattr(Farm, "local", unavailable)
    assert run(example, monkeypatch, "shot.blend") == 1
    assert capsys.readouterr().err == "The farm cannot be used: No port is free.\n"
