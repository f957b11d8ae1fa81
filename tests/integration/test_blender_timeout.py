"""The silence timeout, tested with a script in place of Blender."""

import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from frameloom.model.errors import RenderHung
from frameloom.model.settings import RenderSettings
from worker.blender import Blender
from worker.blender_warnings import PRINTED

# Replaces Python: it answers the first command and then runs the body of the test.
CHILD = """#!{python}
import json, sys, time
ANSWER = {{"size": None, "depth": 8, "seconds": 0, "network": None, "files": [{{"flat": None, "problem": None}}],
          "scenes": ["Scene"], "only": True}}
sys.stdin.readline()
print({opened!r}, file=sys.stderr, flush=True)
print(json.dumps(ANSWER), flush=True)
sys.stdin.readline()
print("Sample 1/16", file=sys.stderr, flush=True)
{body}
print(json.dumps(ANSWER), flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def blender(tmp_path: Path) -> Iterator[Blender]:
    blender = Blender(scratch=tmp_path)
    blender.silence_timeout = timedelta(seconds=1)
    yield blender
    blender.close()


def open_with(blender: Blender, folder: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    child = folder / "child"
    child.write_text(CHILD.format(python=sys.executable, opened=PRINTED, body=body))
    child.chmod(0o755)
    monkeypatch.setattr("worker.blender_versions.sys.executable", str(child))
    blender.open(folder / "shot.blend", RenderSettings(), name="shot.blend")


def test_a_child_that_prints_nothing_is_killed_and_its_last_output_is_shown(
    blender: Blender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_with(blender, tmp_path, "while True: pass", monkeypatch)
    pid = blender.pid
    begun = time.monotonic()
    with pytest.raises(RenderHung, match=r"frame 7: it printed nothing for 1 s .*. Its last output: Sample 1/16\."):
        blender.render(7, tmp_path / "7.png")
    assert time.monotonic() - begun < 5
    assert blender.pid is None
    assert not Path(f"/proc/{pid}").exists()


def test_a_child_that_prints_may_take_longer_than_the_timeout(
    blender: Blender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "for sample in range(12): time.sleep(0.25); print('Sample', sample, file=sys.stderr, flush=True)"
    open_with(blender, tmp_path, body, monkeypatch)
    begun = time.monotonic()
    assert blender.render(7, tmp_path / "7.png").frame == 7
    assert time.monotonic() - begun > 2.5
