"""The versions of films and reports in the output folder."""

import errno
import json
import os
from pathlib import Path

import pytest

from frameloom.client.job_request import place_of
from tests.jobs import BUCKETS
from tests.scenes import make_scene
from tests.unit.memory_farm import Ran, Terminal, files


def test_the_longest_scene_name_has_a_film_and_a_report(terminal: Terminal) -> None:
    scene = Path(f"{'n' * 231}.blend")
    scene.write_bytes(Path("shot.blend").read_bytes())
    assert terminal.run("render", str(scene), "--out", "out").code == 0
    assert terminal.run("render", str(scene), "--out", "out", "--frames-only").code == 0
    names = {f"{scene.stem}.mp4", f"{scene.stem}.report.json", f"{scene.stem}.frames.report.json"}
    assert names <= files(Path("out"))


def outcome(ran: Ran) -> tuple[str | None, str]:
    """Return the paths of a job's video and report, from its JSON document."""
    assert ran.code == 0, ran
    paths = json.loads(ran.out)["paths"]
    return paths.get("video"), paths["report"]


def test_another_film_gets_the_next_version_and_the_same_film_its_own_name(terminal: Terminal) -> None:
    def render(film: bytes, *words: str) -> tuple[str | None, str]:
        terminal.farm.video = film
        return outcome(terminal.run("render", "shot.blend", "--out", "out", "--json", *words))

    first = render(b"five frames")
    assert first == ("out/shot.mp4", "out/shot.report.json")
    report = Path(first[1]).read_bytes()
    assert render(b"one frame", "--frames", "3") == ("out/shot_v002.mp4", "out/shot_v002.report.json")
    assert render(b"smaller", "--resolution", "50") == ("out/shot_v003.mp4", "out/shot_v003.report.json")
    assert (Path("out/shot.mp4").read_bytes(), Path(first[1]).read_bytes()) == (b"five frames", report)
    assert render(b"one frame", "--frames", "3") == ("out/shot_v002.mp4", "out/shot_v002.report.json")
    # The frames or the encoder have changed: the first film stays.
    assert render(b"five other frames") == ("out/shot_v004.mp4", "out/shot_v004.report.json")
    # A film that was moved away has left its report, and comes back to it.
    Path("out/shot.mp4").rename("seen.mp4")
    assert render(b"five frames") == first
    assert Path("seen.mp4").read_bytes() == b"five frames"
    assert not [path for path in Path("out").iterdir() if path.name.startswith(".")]


def test_reports_of_frames_have_versions(terminal: Terminal) -> None:
    def render(*words: str) -> tuple[str | None, str]:
        return outcome(terminal.run("render", "shot.blend", "--out", "out", "--frames-only", "--json", *words))

    assert render("--frames", "1-2") == (None, "out/shot.frames.report.json")
    assert render("--frames", "3") == (None, "out/shot_v002.frames.report.json")
    assert render("--frames", "1-2") == (None, "out/shot.frames.report.json")


def test_films_of_two_scenes_with_one_name_are_versions(terminal: Terminal) -> None:
    for folder, film in (("A", b"film of A"), ("B", b"film of B")):
        Path(folder).mkdir()
        make_scene(Path(folder, "shot.blend").absolute(), frames=(1, len(folder + film.decode()[-1])))
        terminal.farm.video = film
        terminal.run("render", f"{folder}/shot.blend", "--out", "out")
    assert Path("out/shot.mp4").read_bytes() == b"film of A"
    assert Path("out/shot_v002.mp4").read_bytes() == b"film of B"
    scenes = {stored.key for stored in terminal.farm.store.list(BUCKETS.scenes, "") if stored.key.endswith(".blend")}
    assert scenes == {place_of(Path("A/shot.blend")), place_of(Path("B/shot.blend"))}
    assert len(scenes) == 2


@pytest.mark.parametrize("foreign", ["shot.mp4", "shot.report.json"])
def test_a_foreign_file_is_never_replaced(terminal: Terminal, foreign: str) -> None:
    Path("out").mkdir()
    Path("out", foreign).write_bytes(b"somebody's")
    Path("shot_v002.blend").touch()
    ran = terminal.run("render", "shot.blend", "--out", "out", "--json")
    # The name of the second version is that of another scene's film.
    assert outcome(ran) == ("out/shot_v003.mp4", "out/shot_v003.report.json")
    assert Path("out", foreign).read_bytes() == b"somebody's"


def test_a_file_that_appears_during_the_download_is_not_replaced(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def late(source: Path, target: Path) -> None:
        if not target.exists() and target.name == "shot.mp4":
            target.write_bytes(b"another command's")
        link(source, target)

    monkeypatch.setattr("os.link", late)
    assert outcome(terminal.run("render", "shot.blend", "--out", "out", "--json"))[0] == "out/shot_v002.mp4"
    assert Path("out/shot.mp4").read_bytes() == b"another command's"


def test_a_disk_without_hard_links_is_supported(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    for video in ("out/shot.mp4", "out/shot_v002.mp4"):
        terminal.farm.video = video.encode()
        assert outcome(terminal.run("render", "shot.blend", "--out", "out", "--json"))[0] == video
        assert Path(video).read_bytes() == video.encode()


def test_the_request_names_the_film(terminal: Terminal) -> None:
    ran = terminal.run("render", "shot.blend", "--out", "out", "--json", "--set", "film=night")
    assert outcome(ran) == ("out/night.mp4", "out/night.report.json")
    assert terminal.farm.job().film == "night"
