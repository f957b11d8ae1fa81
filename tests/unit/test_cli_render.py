"""`frameloom render` and `frameloom sequence`, on a farm in memory: results, output and errors."""

import json
from pathlib import Path

import pytest

from frameloom.model.errors import FarmUnavailable, FramesMissing
from tests.unit.memory_farm import VIDEO, MemoryFarm, Terminal, files, frames_folder, make_png

LOST = FramesMissing(count=4, total=5, frames="2-5", reason="Nobody said why.")


def test_a_render_writes_frames_video_and_report_and_prints_their_paths(terminal: Terminal) -> None:
    ran = terminal.run("render", "shot.blend", "--out", "out")
    folder = frames_folder()
    assert ran.code == 0
    assert files(Path("out")) == {
        "shot",
        f"shot/{folder.name}",
        *(f"shot/{folder.name}/00000{frame}.png" for frame in range(1, 6)),
        "shot.mp4",
        "shot.report.json",
    }
    assert {path.read_bytes() for path in folder.iterdir()} == {make_png()}
    assert Path("out/shot.mp4").read_bytes() == VIDEO
    assert json.loads(Path("out/shot.report.json").read_text())["summary"]["frames"]["total"] == 5
    assert ran.out.splitlines()[1:] == [
        "  video   out/shot.mp4",
        f"  frames  {folder}",
        "  report  out/shot.report.json",
    ]


def test_one_frame_is_singular(terminal: Terminal) -> None:
    ran = terminal.run("render", "shot.blend", "--out", "out", "--frames", "3", "--set", "on_missing=stitch")
    assert ran.out.splitlines()[0].startswith(("1 frame rendered in", "1 reused in"))
    assert "1 of 1 frame\n" in ran.err


def test_the_options_become_the_request(terminal: Terminal) -> None:
    frames = "--start 2 --end 4 --step 2 --camera Camera --resolution 50 --samples 3 --engine cycles"
    video = "--fps 29.97 --quality 30 --on-missing stitch"
    farm = "--max-workers 7 --chunk-size 2 --set queue_timeout=60 --set device=optix"
    terminal.run("render", "shot.blend", "--out", "out", *frames.split(), *video.split(), *farm.split())
    job = terminal.farm.job()
    assert job.frames == "2,4"
    assert job.settings.model_dump() == {
        "blender": "4.5.15",
        "device": "OPTIX",
        "scene": None,
        "camera": "Camera",
        "engine": "CYCLES",
        "samples": 3,
        "resolution_percentage": 50,
        "format": "PNG",
        "trust_scripts": None,
        "ocio": None,
        "addons": None,
    }
    assert (job.fps, job.video.quality, job.on_missing) == ("2997/100", 30, "stitch")
    assert (job.limits.max_workers, job.limits.queue_timeout, job.chunk_size) == (7, 60, 2)


@pytest.mark.parametrize("asked", ["--codec prores", "--set video.codec=prores"])
def test_a_prores_film_is_a_mov_beside_the_earlier_film(terminal: Terminal, asked: str) -> None:
    Path("out").mkdir()
    Path("out/shot.mp4").write_bytes(b"the film of yesterday")
    ran = terminal.run("render", "shot.blend", "--out", "out", *asked.split())
    assert ran.code == 0, ran
    assert terminal.farm.job().video.codec == "prores"
    assert "  video   out/shot.mov" in ran.out.splitlines()
    assert Path("out/shot.mov").read_bytes() == VIDEO
    assert Path("out/shot.mp4").read_bytes() == b"the film of yesterday"


def test_negative_frames_are_accepted(terminal: Terminal) -> None:
    assert terminal.run("render", "shot.blend", "--out", "out", "--start", "-5", "--end", "-3").code == 0
    assert {path.name for path in frames_folder().iterdir()} == {"-00005.png", "-00004.png", "-00003.png"}


def test_frames_only_makes_no_video(terminal: Terminal) -> None:
    ran = terminal.run("render", "shot.blend", "--out", "out", "--frames-only")
    assert ran.code == 0
    assert "video" not in ran.out
    assert not Path("out/shot.mp4").exists()
    # It keeps no film from its name.
    assert files(Path("out")) >= {"shot", "shot.frames.report.json"}
    ran = terminal.run("render", "shot.blend", "--out", "out")
    assert ran.out.splitlines()[1] == "  video   out/shot.mp4"


def test_other_settings_make_other_frames(terminal: Terminal) -> None:
    terminal.run("render", "shot.blend", "--out", "out")
    terminal.run("render", "shot.blend", "--out", "out", "--samples", "2")
    assert len(list(Path("out/shot").iterdir())) == 2


def test_json_prints_one_document_to_stdout(terminal: Terminal) -> None:
    ran = terminal.run("render", "shot.blend", "--out", "out", "--json")
    document = json.loads(ran.out)
    assert document["status"] == "succeeded"
    assert document["job_id"] == terminal.farm.job().job_id
    assert document["frames"] == {"total": 5, "rendered": 0, "reused": 5, "missing": 0}
    assert document["paths"] == {
        "video": "out/shot.mp4",
        "frames": str(frames_folder()),
        "report": "out/shot.report.json",
    }
    assert document["seconds"] > 0
    assert (ran.code, ran.err) == (0, "")


def test_quiet_prints_nothing(terminal: Terminal) -> None:
    ran = terminal.run("render", "shot.blend", "--out", "out", "--quiet")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_a_failed_job_prints_its_error_and_keeps_its_frames(terminal: Terminal) -> None:
    terminal.farm.breaks = LOST
    ran = terminal.run("render", "shot.blend", "--out", "out")
    assert ran.code == 1
    assert ran.err.splitlines()[-1] == f"frameloom: {LOST}"
    assert {path.name for path in frames_folder().iterdir()} == {"000001.png"}
    assert "  report  out/shot.frames.report.json" in ran.out
    assert not Path("out/shot.mp4").exists()


def test_a_failure_is_json_with_the_json_option(terminal: Terminal) -> None:
    terminal.farm.breaks = LOST
    ran = terminal.run("render", "shot.blend", "--out", "out", "--json")
    document = json.loads(ran.out)
    assert ran.code == 1
    assert (document["status"], document["error"]) == ("failed", "FramesMissing")
    assert document["cause"] == str(LOST)
    assert ran.err == f"frameloom: {LOST}\n"


def test_a_job_that_is_canceled_elsewhere_fails_the_command(terminal: Terminal) -> None:
    def cancel(rendered: int) -> None:
        if rendered == 2:
            terminal.farm.executions.stop(terminal.farm.job().job_id, reason="No more money.")

    terminal.farm.on_look = cancel
    ran = terminal.run("render", "shot.blend", "--out", "out", "--json")
    document = json.loads(ran.out)
    assert (ran.code, document["status"], document["error"]) == (1, "canceled", "Canceled")
    assert document["cause"].endswith("was canceled: No more money.")


def test_an_unavailable_farm_is_one_sentence(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable() -> None:
        raise FarmUnavailable(problem="The emulator did not start.")

    monkeypatch.setattr(terminal.farm, "connection", unavailable)
    ran = terminal.run("render", "shot.blend", "--out", "out", "--quiet")
    assert (ran.code, ran.err) == (1, "frameloom: The emulator did not start.\n")
    assert terminal.farm.closed == 1


def test_a_sequence_makes_the_video_of_frames_that_exist(terminal: Terminal) -> None:
    terminal.run("render", "shot.blend", "--out", "out", "--frames-only")
    again = MemoryFarm(image=make_png(200))
    terminal.farm = again
    ran = terminal.run("sequence", "shot.blend", "--out", "out", "--fps", "12")
    assert ran.code == 0
    assert Path("out/shot.mp4").read_bytes() == VIDEO
    assert (again.job().output, again.job().fps) == ("video", "12")
    assert {path.read_bytes() for path in frames_folder().iterdir()} == {make_png()}


def test_a_sequence_reads_frames_of_the_given_format(terminal: Terminal) -> None:
    terminal.run("sequence", "shot.blend", "--out", "out", "--format", "jpeg", "--on-missing", "stitch")
    assert terminal.farm.job().settings.format == "JPEG"


@pytest.fixture
def persistent(terminal: Terminal) -> Terminal:
    """The terminal, whose farm goes on after a command and is found by its name."""
    terminal.farm.stays = True
    return terminal
