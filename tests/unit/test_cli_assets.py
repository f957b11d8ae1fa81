"""A scene with external files, from the command line: each file is uploaded once."""

from pathlib import Path

import pytest

from frameloom.client.job_request import place_of
from frameloom.model.request import START, START_NO
from tests.jobs import BUCKETS
from tests.scenes import make_scene
from tests.unit.memory_farm import VIDEO, MemoryFarm, Terminal, make_png


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terminal:
    """A terminal in a folder with shot.blend, which links sets/set.blend, whose texture is sets/textures/wood.png."""
    farm = MemoryFarm(image=make_png())
    monkeypatch.chdir(tmp_path)
    Path("sets/textures").mkdir(parents=True)
    library = make_scene(tmp_path / "sets/set.blend", missing_image="//textures/wood.png")
    make_scene(tmp_path / "shot.blend", camera=False, library=library, library_path="//sets/set.blend")
    Path("sets/textures/wood.png").write_bytes(b"wood")
    return Terminal(capsys, monkeypatch, farm)


def stored(terminal: Terminal) -> dict[str, str | None]:
    """Return the version of each object in the scenes bucket, by its path from the current folder."""
    store = terminal.farm.store
    heads = (store.head(BUCKETS.scenes, each.key) for each in store.list(BUCKETS.scenes, ""))
    return {head.key.removeprefix(here()): head.version for head in heads if head is not None}


def here() -> str:
    """Return the prefix of the current folder's files in the bucket."""
    return place_of(Path("shot.blend")).removesuffix("shot.blend")


def frames(terminal: Terminal) -> list[str | None]:
    """Return the version of each frame; a frame that was rendered twice has v2."""
    store = terminal.farm.store
    heads = (store.head(BUCKETS.frames, each.key) for each in store.list(BUCKETS.frames, ""))
    return [head.version for head in heads if head is not None]


def test_the_files_of_a_scene_are_uploaded_beside_it(terminal: Terminal) -> None:
    ran = terminal.run("render", "shot.blend", "--out", "out", "--frames-only")
    assert ran.code == 0, ran.err
    assert stored(terminal) == {"shot.blend": "v1", "sets/set.blend": "v1", "sets/textures/wood.png": "v1"}
    assert terminal.farm.job().scene.assets is not None
    library = terminal.farm.store.head(BUCKETS.scenes, here() + "sets/set.blend")
    assert library is not None
    assert library.metadata[START] == START_NO
    assert "2 of 2 files" in ran.err


def test_a_second_run_uploads_only_an_edited_texture(terminal: Terminal) -> None:
    terminal.run("render", "shot.blend", "--out", "out", "--frames-only")
    assert terminal.run("render", "shot.blend", "--out", "out", "--frames-only").code == 0
    assert set(stored(terminal).values()) == {"v1"}
    assert frames(terminal) == ["v1"] * 5
    Path("sets/textures/wood.png").write_bytes(b"stone")
    assert terminal.run("render", "shot.blend", "--out", "out", "--frames-only").code == 0
    assert frames(terminal) == ["v1"] * 10
    assert stored(terminal) == {"shot.blend": "v1", "sets/set.blend": "v1", "sets/textures/wood.png": "v2"}


def test_frames_of_the_same_files_are_uploaded_to_a_new_farm(terminal: Terminal) -> None:
    terminal.run("render", "shot.blend", "--out", "out", "--frames-only")
    new = MemoryFarm(image=make_png(1))
    terminal.farm.store, terminal.farm.image = new.store, new.image
    assert terminal.run("render", "shot.blend", "--out", "out", "--frames-only").code == 0
    assert len(frames(terminal)) == 5
    assert terminal.farm.rendered() == set()


def test_a_sequence_uses_the_frames_of_the_same_files(terminal: Terminal) -> None:
    terminal.run("render", "shot.blend", "--out", "out", "--frames-only")
    terminal.farm.store = MemoryFarm(image=make_png()).store
    ran = terminal.run("sequence", "shot.blend", "--out", "out")
    assert ran.code == 0, ran.err
    assert len(frames(terminal)) == 5


def test_a_file_that_exists_nowhere_is_refused_before_a_job_starts(terminal: Terminal) -> None:
    Path("sets/textures/wood.png").unlink()
    ran = terminal.run("render", "shot.blend", "--out", "out", "--frames-only")
    assert ran.code == 2
    assert "are missing: //textures/wood.png (of //sets/set.blend). " in ran.err
    assert terminal.farm.executions.list(limit=1) == []
    ran = terminal.run("render", "shot.blend", "--out", "out", "--frames-only", "--set", "missing_assets=render")
    assert ran.code == 0, ran.err


def test_a_file_in_the_bucket_may_be_missing_on_the_disk(terminal: Terminal) -> None:
    Path("sets/textures/wood.png").unlink()
    terminal.farm.store.put(BUCKETS.scenes, here() + "sets/textures/wood.png", b"wood")
    assert terminal.run("render", "shot.blend", "--out", "out", "--frames-only").code == 0


def test_a_file_above_the_scenes_folder_needs_a_key_with_enough_folders(
    terminal: Terminal,
) -> None:
    Path("film").mkdir()
    make_scene(Path("film/shot.blend").absolute(), missing_image="//../wood.png")
    Path("wood.png").write_bytes(b"\x89PNG\r\n")
    ran = terminal.run("render", "film/shot.blend", "--out", "out", "--frames-only")
    assert ran.code == 0, ran.err
    assert stored(terminal) == {"film/shot.blend": "v1", "wood.png": "v1"}
    ran = terminal.run("render", "film/shot.blend", "--out", "out", "--frames-only", "--set", "file=shot.blend")
    assert (ran.code, "--set file=film/shot.blend" in ran.err) == (2, True)
    ran = terminal.run("render", "film/shot.blend", "--out", "out", "--frames-only", "--set", "file=film/shot.blend")
    assert ran.code == 0, ran.err
    # Their keys begin with the folder that the request names.
    assert {"film/shot.blend", "wood.png"} <= {each.key for each in terminal.farm.store.list(BUCKETS.scenes, "")}


@pytest.mark.parametrize("words", [(), ("--out", "."), ("--out", "elsewhere/..")])
def test_a_film_that_would_replace_its_own_footage_is_refused(terminal: Terminal, words: tuple[str, ...]) -> None:
    footage(Path("shot.mp4"))
    ran = terminal.run("render", "shot.blend", *words)
    assert (ran.code, "'shot.mp4', which the scene reads" in ran.err.replace("elsewhere/../", "")) == (2, True)
    assert "--out" in ran.err
    assert (terminal.farm.opened, stored(terminal)) == (0, {})
    assert Path("shot.mp4").read_bytes() == b"footage"


def test_footage_of_a_library_is_protected_too(terminal: Terminal) -> None:
    make_scene(Path("sets/set.blend").absolute(), missing_image="//../shot.mp4")
    Path("shot.mp4").write_bytes(b"footage")
    assert terminal.run("render", "shot.blend").code == 2
    assert terminal.run("render", "shot.blend", "--frames-only").code == 0


def test_in_another_folder_the_footage_and_the_film_both_exist(terminal: Terminal) -> None:
    footage(Path("shot.mp4"))
    ran = terminal.run("render", "shot.blend", "--out", "out")
    assert ran.code == 0, ran.err
    assert (Path("shot.mp4").read_bytes(), Path("out/shot.mp4").read_bytes()) == (b"footage", VIDEO)
    store = terminal.farm.store
    assert store.get(BUCKETS.scenes, here() + "shot.mp4") == b"footage"
    assert store.get(BUCKETS.scenes, here() + "shot_film.mp4") == VIDEO


def footage(path: Path) -> None:
    """Have shot.blend read a film beside it."""
    make_scene(Path("shot.blend").absolute(), missing_image="//shot.mp4")
    path.write_bytes(b"footage")
