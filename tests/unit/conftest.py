"""Fixtures that several unit tests use: a template, and a terminal whose commands run on a farm in memory."""

from pathlib import Path

import pytest

from tests.scenes import make_scene
from tests.unit.local_templates import TEMPLATE
from tests.unit.memory_farm import MemoryFarm, Terminal, make_png


@pytest.fixture
def template(tmp_path: Path) -> Path:
    for folder in ("shared", "one", "layer"):
        (tmp_path / folder).mkdir()
    (tmp_path / "machine.asl.json").write_text("{}")
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    return path


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terminal:
    """A terminal in a folder that holds shot.blend, of frames 1 to 5; its farm ends with each command."""
    make_scene(tmp_path / "shot.blend")
    monkeypatch.chdir(tmp_path)
    return Terminal(capsys, monkeypatch, MemoryFarm(image=make_png()))


@pytest.fixture
def persistent(terminal: Terminal) -> Terminal:
    """The terminal; its farm continues after a command."""
    terminal.farm.stays = True
    return terminal
