"""The corpus run finds a difference that is planted in one of three scenes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.corpus.__main__ import OWN, main, result_file
from tests.corpus.one import Comparison, PlainBlender
from tests.corpus.result import Result, write_result
from tests.scenes import make_scene


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scene that renders, one that renders with an option, and one without a camera."""
    folder = tmp_path_factory.mktemp("scenes")
    make_scene(folder / "fine.blend")
    make_scene(folder / "lost.blend", missing_image="//wood.png")
    (folder / "cut").mkdir()
    make_scene(folder / "cut" / "blind.blend", camera=False)
    return folder


@pytest.fixture(scope="module")
def results(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the three scenes."""
    results = tmp_path_factory.mktemp("results")
    assert main([str(folder), "--results", str(results)]) == 0
    return results


def compared(scene: Path, folder: Path) -> Result:
    result = Result(path=str(scene), blender=OWN, ended=True)
    for _ in Comparison(scene, folder, OWN).run(result):
        pass
    return result


def test_a_run_shows_what_differs_what_is_refused_and_which_options_make_up_for_it(
    folder: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder), "--results", str(results), "--json"]) == 0
    found = {Path(one["path"]).name: one for one in json.loads(capsys.readouterr().out)}
    assert {name: one["kind"] for name, one in found.items()} == {
        "blind.blend": "refused",
        "fine.blend": "same",
        "lost.blend": "asked",
    }
    assert [option for _, _, option in found["lost.blend"]["asked"]] == ['{"missing_assets": "render"}']
    assert found["lost.blend"]["unequal"] == ""
    assert "camera" in found["blind.blend"]["plain_error"]


def test_a_frame_and_a_fact_that_differ_are_found(
    folder: Path, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    render, ask = PlainBlender.render, PlainBlender.ask

    def other_middle(
        self: PlainBlender, scene: Path, options: Mapping[str, Any]
    ) -> tuple[dict[str, bytes], str | None]:
        frames, error = render(self, scene, options)
        return frames | {"000003.png": frames["000001.png"]}, error

    def other_end(self: PlainBlender, command: Mapping[str, Any]) -> dict[str, Any]:
        answer = ask(self, command)
        for scene in answer.get("facts", {}).get("scenes", []):
            scene["frame_end"] += 1
        return answer

    monkeypatch.setattr(PlainBlender, "render", other_middle)
    monkeypatch.setattr(PlainBlender, "ask", other_end)
    planted = compared(folder / "fine.blend", tmp_path)
    assert (planted.kind, planted.unequal) == ("pixels", "000003.png: pixels")
    assert planted.facts == ["frame_end of scene 'Scene': 5, Blender has 6"]

    # A run takes the results of an earlier one, and its exit code shows the difference.
    monkeypatch.undo()
    file = result_file(results, folder / "fine.blend", OWN, None)
    known = json.loads(file.read_text())
    planted.digest, planted.saved_by = known["digest"], known["saved_by"]
    write_result(planted, file)
    assert main([str(folder), "--results", str(results)]) == 1
    assert "differ: 000003.png: pixels" in capsys.readouterr().out


def test_a_scene_that_takes_too_long_is_killed(folder: Path, tmp_path: Path) -> None:
    # The exit code is that of silent differences alone.
    assert main([str(folder), "--results", str(tmp_path), "--only", "blind", "--limit", "0.2"]) == 0
    file = result_file(tmp_path, folder / "cut" / "blind.blend", OWN, None)
    assert json.loads(file.read_text())["kind"] == "slow"
