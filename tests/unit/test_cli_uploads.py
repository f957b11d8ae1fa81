"""The scene and the frames that a render uploads."""

import json
from pathlib import Path

import pytest

from frameloom.client.job_request import place_of
from frameloom.model.request import START, START_NO
from frameloom.services.scene.upload_assets import DIGEST
from tests.jobs import BUCKETS
from tests.scenes import make_scene
from tests.unit.memory_farm import MemoryFarm, Terminal, frames_folder, make_png


@pytest.mark.parametrize("folder", ["x" * 200, "back\\slash", "..."])
def test_a_scene_whose_path_is_no_valid_key_is_refused_with_a_solution(terminal: Terminal, folder: str) -> None:
    deep = Path(*[folder] * (5 if folder[0] == "x" else 1))
    deep.mkdir(parents=True)
    scene = Path("shot.blend").rename(deep / "shot.blend")
    ran = terminal.run("render", scene, "--out", "out")
    assert (ran.code, "--set file=film/shot.blend" in ran.err, len(ran.err.splitlines())) == (2, True, 1)
    assert terminal.farm.opened == 0
    assert terminal.run("render", scene, "--out", "out", "--set", "file=film/shot.blend").code == 0
    assert terminal.farm.job().scene.key == "film/shot.blend"


def test_the_upload_of_a_scene_starts_no_job_of_its_own(terminal: Terminal) -> None:
    terminal.run("render", "shot.blend", "--out", "out")
    stored = terminal.farm.store.head(BUCKETS.scenes, place_of(Path("shot.blend")))
    assert stored is not None
    assert stored.metadata == {START: START_NO, DIGEST: terminal.farm.job().scene.digest}


def test_only_an_edited_scene_is_uploaded_again(terminal: Terminal) -> None:
    terminal.run("render", "shot.blend", "--out", "out")
    terminal.run("render", "shot.blend", "--out", "out")
    assert terminal.farm.job().scene.version == "v1"
    make_scene(Path("shot.blend"), frames=(1, 3))
    terminal.run("render", "shot.blend", "--out", "out")
    assert terminal.farm.job().scene.version == "v2"


def test_a_second_run_on_a_new_farm_renders_only_what_is_missing(terminal: Terminal) -> None:
    terminal.run("render", "shot.blend", "--out", "out", "--frames", "1-5")
    folder = frames_folder()
    (folder / "000002.png").write_bytes(make_png()[:-10])
    (folder / "000004.png").unlink()
    again = MemoryFarm(image=make_png(200))
    terminal.farm = again
    ran = terminal.run("render", "shot.blend", "--out", "out", "--json")
    assert json.loads(ran.out)["frames"]["total"] == 5
    assert again.rendered() == {"000002.png", "000004.png"}
    assert {path.name for path in folder.iterdir() if path.read_bytes() == make_png(200)} == {
        "000002.png",
        "000004.png",
    }
    assert {path.name for path in folder.iterdir() if path.read_bytes() == make_png()} == {
        "000001.png",
        "000003.png",
        "000005.png",
    }


def test_no_frames_are_uploaded_to_a_farm_that_keeps_them(terminal: Terminal) -> None:
    terminal.run("render", "shot.blend", "--out", "out", "--frames", "1-3")
    deployed = MemoryFarm(image=make_png(200), keeps_frames=True)
    terminal.farm = deployed
    terminal.run("render", "shot.blend", "--out", "out")
    assert deployed.rendered() == {f"00000{frame}.png" for frame in range(1, 6)}
    # A whole frame in the folder is the same frame, and is not downloaded again.
    assert (frames_folder() / "000001.png").read_bytes() == make_png()
    assert (frames_folder() / "000005.png").read_bytes() == make_png(200)


@pytest.mark.parametrize(("words", "at_once"), [((), 4), (("--max-workers", "9"), 9)], ids=["nothing said", "said"])
def test_max_workers_follows_the_number_of_workers(terminal: Terminal, words: tuple[str, ...], at_once: int) -> None:
    farm = terminal.farm = MemoryFarm(image=make_png(), chunks_at_once=4)
    assert terminal.run("render", "shot.blend", "--out", "out", *words).code == 0
    assert farm.job().limits.max_workers == at_once
