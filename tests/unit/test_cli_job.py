"""A job from the command line, on a farm in memory: what lies where, what is said, and what a second run does."""

import errno
import io
import json
import os
import shlex
import signal
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from frameloom.client.job_request import place_of
from frameloom.model.errors import FarmUnavailable, FramesMissing
from frameloom.model.job_status import JobStatus
from frameloom.model.request import START, START_NO
from frameloom.services.scene.upload_assets import DIGEST
from frameloom.testing import MemoryExecutions
from tests.jobs import BUCKETS
from tests.scenes import make_scene
from tests.unit.cli_farm import VIDEO, MemoryFarm, Ran, Terminal, files

LOST = FramesMissing(count=4, total=5, frames="2-5", reason="Nobody said why.")


def png(colour: int = 0) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (64, 36), (colour, 0, 0)).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def farm() -> MemoryFarm:
    return MemoryFarm(image=png())


@pytest.fixture
def terminal(
    farm: MemoryFarm, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Terminal:
    """A terminal in a folder that holds shot.blend, of frames 1 to 5."""
    make_scene(tmp_path / "shot.blend")
    monkeypatch.chdir(tmp_path)
    return Terminal(capsys, monkeypatch, farm)


def frames_folder() -> Path:
    (folder,) = [path for path in Path("out/shot").iterdir() if path.is_dir()]
    return folder


def test_a_render_leaves_frames_video_and_report_and_says_where(terminal: Terminal) -> None:
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
    assert {path.read_bytes() for path in folder.iterdir()} == {png()}
    assert Path("out/shot.mp4").read_bytes() == VIDEO
    assert json.loads(Path("out/shot.report.json").read_text())["summary"]["frames"]["total"] == 5
    assert ran.out.splitlines()[1:] == [
        "  video   out/shot.mp4",
        f"  frames  {folder}",
        "  report  out/shot.report.json",
    ]


def test_a_single_frame_is_counted_as_one(terminal: Terminal) -> None:
    ran = terminal.run("render", "shot.blend", "--out", "out", "--frames", "3", "--set", "on_missing=stitch")
    assert ran.out.splitlines()[0].startswith(("1 frame rendered in", "1 reused in"))
    assert "1 of 1 frame\n" in ran.err


def test_the_job_asks_for_what_the_options_say(terminal: Terminal) -> None:
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
    }
    assert (job.fps, job.video.quality, job.on_missing) == ("2997/100", 30, "stitch")
    assert (job.limits.max_workers, job.limits.queue_timeout, job.chunk_size) == (7, 60, 2)


@pytest.mark.parametrize("asked", ["--codec prores", "--set video.codec=prores"])
def test_a_prores_comes_as_a_mov_and_leaves_the_earlier_film_alone(terminal: Terminal, asked: str) -> None:
    Path("out").mkdir()
    Path("out/shot.mp4").write_bytes(b"the film of yesterday")
    ran = terminal.run("render", "shot.blend", "--out", "out", *asked.split())
    assert ran.code == 0, ran
    assert terminal.farm.job().video.codec == "prores"
    assert "  video   out/shot.mov" in ran.out.splitlines()
    assert Path("out/shot.mov").read_bytes() == VIDEO
    assert Path("out/shot.mp4").read_bytes() == b"the film of yesterday"


def test_negative_frames_are_given_as_they_are(terminal: Terminal) -> None:
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


def test_a_scene_with_the_longest_name_gets_its_film_and_report(terminal: Terminal) -> None:
    scene = Path(f"{'n' * 231}.blend")
    scene.write_bytes(Path("shot.blend").read_bytes())
    assert terminal.run("render", str(scene), "--out", "out").code == 0
    assert terminal.run("render", str(scene), "--out", "out", "--frames-only").code == 0
    names = {f"{scene.stem}.mp4", f"{scene.stem}.report.json", f"{scene.stem}.frames.report.json"}
    assert names <= files(Path("out"))


def outcome(ran: Ran) -> tuple[str | None, str]:
    """Return where a job's video and report lie, by what it said in JSON."""
    assert ran.code == 0, ran
    paths = json.loads(ran.out)["paths"]
    return paths.get("video"), paths["report"]


def test_another_film_gets_the_next_version_and_the_same_one_its_own_name_again(terminal: Terminal) -> None:
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
    # The frames have changed, or the encoder: whoever has seen the first film keeps it.
    assert render(b"five other frames") == ("out/shot_v004.mp4", "out/shot_v004.report.json")
    # A film that was moved away has left its report, and comes back to it.
    Path("out/shot.mp4").rename("seen.mp4")
    assert render(b"five frames") == first
    assert Path("seen.mp4").read_bytes() == b"five frames"
    assert not [path for path in Path("out").iterdir() if path.name.startswith(".")]


def test_reports_of_frames_have_versions_too(terminal: Terminal) -> None:
    def render(*words: str) -> tuple[str | None, str]:
        return outcome(terminal.run("render", "shot.blend", "--out", "out", "--frames-only", "--json", *words))

    assert render("--frames", "1-2") == (None, "out/shot.frames.report.json")
    assert render("--frames", "3") == (None, "out/shot_v002.frames.report.json")
    assert render("--frames", "1-2") == (None, "out/shot.frames.report.json")


def test_films_of_two_scenes_of_one_name_lie_side_by_side(terminal: Terminal) -> None:
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
def test_a_file_that_no_farm_made_is_never_replaced(terminal: Terminal, foreign: str) -> None:
    Path("out").mkdir()
    Path("out", foreign).write_bytes(b"somebody's")
    Path("shot_v002.blend").touch()
    ran = terminal.run("render", "shot.blend", "--out", "out", "--json")
    # The name of the second version is that of another scene's film.
    assert outcome(ran) == ("out/shot_v003.mp4", "out/shot_v003.report.json")
    assert Path("out", foreign).read_bytes() == b"somebody's"


def test_a_file_that_comes_while_the_film_is_fetched_is_not_replaced(
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


def test_a_disk_without_links_will_do(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    for video in ("out/shot.mp4", "out/shot_v002.mp4"):
        terminal.farm.video = video.encode()
        assert outcome(terminal.run("render", "shot.blend", "--out", "out", "--json"))[0] == video
        assert Path(video).read_bytes() == video.encode()


@pytest.mark.parametrize("folder", ["x" * 200, "back\\slash", "..."])
def test_a_scene_whose_path_no_key_can_hold_is_refused_with_a_way_out(terminal: Terminal, folder: str) -> None:
    deep = Path(*[folder] * (5 if folder[0] == "x" else 1))
    deep.mkdir(parents=True)
    scene = Path("shot.blend").rename(deep / "shot.blend")
    ran = terminal.run("render", scene, "--out", "out")
    assert (ran.code, "--set file=film/shot.blend" in ran.err, len(ran.err.splitlines())) == (2, True, 1)
    assert terminal.farm.opened == 0
    assert terminal.run("render", scene, "--out", "out", "--set", "file=film/shot.blend").code == 0
    assert terminal.farm.job().scene.key == "film/shot.blend"


def test_a_film_is_called_as_the_request_says(terminal: Terminal) -> None:
    ran = terminal.run("render", "shot.blend", "--out", "out", "--json", "--set", "film=night")
    assert outcome(ran) == ("out/night.mp4", "out/night.report.json")
    assert terminal.farm.job().film == "night"


def test_a_scene_is_uploaded_as_one_whose_job_is_started_by_its_uploader(terminal: Terminal) -> None:
    terminal.run("render", "shot.blend", "--out", "out")
    stored = terminal.farm.store.head(BUCKETS.scenes, place_of(Path("shot.blend")))
    assert stored is not None
    assert stored.metadata == {START: START_NO, DIGEST: terminal.farm.job().scene.digest}


def test_a_scene_that_is_there_is_not_uploaded_again_and_an_edited_one_is(terminal: Terminal) -> None:
    terminal.run("render", "shot.blend", "--out", "out")
    terminal.run("render", "shot.blend", "--out", "out")
    assert terminal.farm.job().scene.version == "v1"
    make_scene(Path("shot.blend"), frames=(1, 3))
    terminal.run("render", "shot.blend", "--out", "out")
    assert terminal.farm.job().scene.version == "v2"


def test_a_second_run_on_a_new_farm_renders_only_what_is_missing(terminal: Terminal) -> None:
    terminal.run("render", "shot.blend", "--out", "out", "--frames", "1-5")
    folder = frames_folder()
    (folder / "000002.png").write_bytes(png()[:-10])
    (folder / "000004.png").unlink()
    again = MemoryFarm(image=png(200))
    terminal.farm = again
    ran = terminal.run("render", "shot.blend", "--out", "out", "--json")
    assert json.loads(ran.out)["frames"]["total"] == 5
    assert again.rendered() == {"000002.png", "000004.png"}
    assert {path.name for path in folder.iterdir() if path.read_bytes() == png(200)} == {"000002.png", "000004.png"}
    assert {path.name for path in folder.iterdir() if path.read_bytes() == png()} == {
        "000001.png",
        "000003.png",
        "000005.png",
    }


def test_a_farm_that_keeps_its_frames_is_given_none(terminal: Terminal) -> None:
    terminal.run("render", "shot.blend", "--out", "out", "--frames", "1-3")
    deployed = MemoryFarm(image=png(200), keeps_frames=True)
    terminal.farm = deployed
    terminal.run("render", "shot.blend", "--out", "out")
    assert deployed.rendered() == {f"00000{frame}.png" for frame in range(1, 6)}
    # What lies whole in the folder is the same frame: it is not fetched over itself.
    assert (frames_folder() / "000001.png").read_bytes() == png()
    assert (frames_folder() / "000005.png").read_bytes() == png(200)


@pytest.mark.parametrize(("words", "at_once"), [((), 4), (("--max-workers", "9"), 9)], ids=["nothing said", "said"])
def test_a_farm_of_so_many_workers_is_given_chunks_for_them(
    terminal: Terminal, words: tuple[str, ...], at_once: int
) -> None:
    farm = terminal.farm = MemoryFarm(image=png(), chunks_at_once=4)
    assert terminal.run("render", "shot.blend", "--out", "out", *words).code == 0
    assert farm.job().limits.max_workers == at_once


def test_other_settings_make_other_frames(terminal: Terminal) -> None:
    terminal.run("render", "shot.blend", "--out", "out")
    terminal.run("render", "shot.blend", "--out", "out", "--samples", "2")
    assert len(list(Path("out/shot").iterdir())) == 2


def test_json_is_all_that_stdout_gets(terminal: Terminal) -> None:
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


def test_quiet_says_nothing(terminal: Terminal) -> None:
    ran = terminal.run("render", "shot.blend", "--out", "out", "--quiet")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_a_job_that_fails_says_why_and_keeps_what_it_made(terminal: Terminal) -> None:
    terminal.farm.breaks = LOST
    ran = terminal.run("render", "shot.blend", "--out", "out")
    assert ran.code == 1
    assert ran.err.splitlines()[-1] == f"frameloom: {LOST}"
    assert {path.name for path in frames_folder().iterdir()} == {"000001.png"}
    assert "  report  out/shot.frames.report.json" in ran.out
    assert not Path("out/shot.mp4").exists()


def test_a_failure_is_json_where_json_was_asked_for(terminal: Terminal) -> None:
    terminal.farm.breaks = LOST
    ran = terminal.run("render", "shot.blend", "--out", "out", "--json")
    document = json.loads(ran.out)
    assert ran.code == 1
    assert (document["status"], document["error"]) == ("failed", "FramesMissing")
    assert document["cause"] == str(LOST)
    assert ran.err == f"frameloom: {LOST}\n"


def test_a_job_that_somebody_else_cancels_has_failed(terminal: Terminal) -> None:
    def cancel(rendered: int) -> None:
        if rendered == 2:
            terminal.farm.executions.stop(terminal.farm.job().job_id, reason="No more money.")

    terminal.farm.on_look = cancel
    ran = terminal.run("render", "shot.blend", "--out", "out", "--json")
    document = json.loads(ran.out)
    assert (ran.code, document["status"], document["error"]) == (1, "canceled", "Canceled")
    assert document["cause"].endswith("was canceled: No more money.")


def test_a_farm_that_cannot_be_had_is_one_sentence(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable() -> None:
        raise FarmUnavailable(problem="The emulator did not start.")

    monkeypatch.setattr(terminal.farm, "connection", unavailable)
    ran = terminal.run("render", "shot.blend", "--out", "out", "--quiet")
    assert (ran.code, ran.err) == (1, "frameloom: The emulator did not start.\n")
    assert terminal.farm.closed == 1


def test_a_sequence_makes_the_video_of_frames_that_exist(terminal: Terminal) -> None:
    terminal.run("render", "shot.blend", "--out", "out", "--frames-only")
    again = MemoryFarm(image=png(200))
    terminal.farm = again
    ran = terminal.run("sequence", "shot.blend", "--out", "out", "--fps", "12")
    assert ran.code == 0
    assert Path("out/shot.mp4").read_bytes() == VIDEO
    assert (again.job().output, again.job().fps) == ("video", "12")
    assert {path.read_bytes() for path in frames_folder().iterdir()} == {png()}


def test_a_sequence_is_of_frames_in_the_format_that_is_named(terminal: Terminal) -> None:
    terminal.run("sequence", "shot.blend", "--out", "out", "--format", "jpeg", "--on-missing", "stitch")
    assert terminal.farm.job().settings.format == "JPEG"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_cancels_the_job_keeps_what_is_whole_and_closes_the_farm(
    terminal: Terminal, number: signal.Signals
) -> None:
    def interrupt(rendered: int) -> None:
        if rendered == 3:
            # A frame that nobody has seen when the signal comes.
            job = terminal.farm.job()
            terminal.farm.store.put(job.outputs.bucket, job.frame_key(5), png())
            os.kill(os.getpid(), number)

    terminal.farm.on_look = interrupt
    before = signal.getsignal(number)
    ran = terminal.run("render", "shot.blend", "--out", "out")
    job = terminal.farm.executions.describe(terminal.farm.job().job_id)
    assert ran.code == 130
    assert job is not None
    assert (job.status, job.cause) == (JobStatus.CANCELED, "Interrupted at the command line.")
    assert ran.err.splitlines()[-1] == (
        f"frameloom: Job {job.job_id} was canceled; its frames so far are in {frames_folder()}."
    )
    assert {path.name: path.read_bytes() for path in frames_folder().iterdir()} == {
        f"00000{frame}.png": png() for frame in (1, 2, 3, 5)
    }
    assert terminal.farm.closed >= 1
    assert signal.getsignal(number) is before


@pytest.fixture
def outlasting(terminal: Terminal) -> Terminal:
    """The terminal, whose farm goes on after a command and is found by its name."""
    terminal.farm.stays = True
    return terminal


def test_a_closed_terminal_leaves_the_job_alone_on_a_farm_that_stays_and_says_how_to_come_back(
    outlasting: Terminal,
) -> None:
    outlasting.farm.on_look = lambda rendered: os.kill(os.getpid(), signal.SIGHUP) if rendered == 3 else None
    ran = outlasting.run("render", "shot.blend", "--out", "out dir", "--stack", "film", "--json")
    job_id = outlasting.farm.job().job_id
    assert ran.code == 130
    command = f"frameloom fetch {job_id} --out '{Path('out dir').absolute()}' --stack film"
    said = f"Job {job_id} continues. `{command}` follows it and fetches its results."
    assert ran.err == f"frameloom: {said}\n"
    assert json.loads(ran.out)["error"] == "Left"
    outlasting.farm.on_look = lambda _: None
    job = outlasting.farm.executions.describe(job_id)
    assert job is not None
    assert job.status is JobStatus.RUNNING
    again = outlasting.run(*shlex.split(ran.err.split("`")[1])[1:])
    assert again.code == 0, again
    assert sorted(path.name for path in Path("out dir/shot").rglob("*.png")) == [f"00000{n}.png" for n in range(1, 6)]
    assert Path("out dir/shot.mp4").read_bytes() == VIDEO


def test_ctrl_c_cancels_on_a_farm_that_stays_too(outlasting: Terminal) -> None:
    outlasting.farm.on_look = lambda rendered: os.kill(os.getpid(), signal.SIGINT) if rendered == 3 else None
    assert "was canceled" in outlasting.run("render", "shot.blend", "--out", "out").err


def test_a_detached_job_is_started_and_its_commands_work_as_they_are_printed(outlasting: Terminal) -> None:
    ran = outlasting.run("render", "shot.blend", "--out", "out", "--frames", "1-3", "--stack", "film", "--detach")
    head, *lines = ran.out.splitlines()
    job_id = head.split()[1]
    assert (ran.code, head) == (0, f"Job {job_id} was started.")
    assert not Path("out").exists()
    assert outlasting.farm.rendered() == set()
    printed = {line.split()[0]: shlex.split(line)[1:] for line in lines}
    assert list(printed) == ["status", "follow", "fetch", "cancel"]
    assert all(words[0] == "frameloom" and words[-2:] == ["--stack", "film"] for words in printed.values())
    assert outlasting.run(*printed["status"][1:]).out.splitlines()[0].split() == ["job", job_id]
    fetched = outlasting.run(*printed["fetch"][1:])
    assert (fetched.code, fetched.out.splitlines()[1:]) == (
        0,
        [
            f"  video   {Path('out').absolute()}/shot.mp4",
            f"  frames  {frames_folder().absolute()}",
            f"  report  {Path('out').absolute()}/shot.report.json",
        ],
    )
    assert outlasting.run(*printed["follow"][1:]).code == 0
    # It has ended by now.
    assert outlasting.run(*printed["cancel"][1:]).err == f"frameloom: Job {job_id} has ended before: it succeeded.\n"


def test_a_detached_job_is_json_or_its_id_alone(outlasting: Terminal) -> None:
    document = json.loads(outlasting.run("render", "shot.blend", "--detach", "--json").out)
    (newest,) = outlasting.farm.executions.list(limit=1)
    assert (document["job_id"], document["status"]) == (newest.job_id, "running")
    assert document["commands"]["cancel"] == f"frameloom cancel {document['job_id']}"
    ran = outlasting.run("sequence", "shot.blend", "--on-missing", "stitch", "--detach", "--quiet")
    (newest,) = outlasting.farm.executions.list(limit=1)
    assert (ran.out, ran.err) == (f"{newest.job_id}\n", "")


def test_a_farm_that_ends_with_the_command_takes_no_detached_job(terminal: Terminal) -> None:
    ran = terminal.run("render", "shot.blend", "--detach")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "frameloom: --detach: the farm that this command starts ends with it: start one with `frameloom farm up`, "
        "or name a stack with --stack.\n"
    )
    assert terminal.farm.opened == 0


def test_what_lies_whole_in_the_folder_is_not_fetched_again(outlasting: Terminal) -> None:
    outlasting.run("render", "shot.blend", "--out", "out")
    kept = frames_folder() / "000002.png"
    kept.write_bytes(png(9))
    (frames_folder() / "000003.png").write_bytes(png()[:-9])
    (frames_folder() / "000004.png").unlink()
    assert outlasting.run("fetch", "shot-", "--out", "out").code == 0
    assert kept.read_bytes() == png(9)
    assert {(frames_folder() / f"00000{frame}.png").read_bytes() for frame in (1, 3, 4, 5)} == {png()}


def test_fetching_is_left_by_ctrl_c_and_leaves_the_job(outlasting: Terminal) -> None:
    job_id = json.loads(outlasting.run("render", "shot.blend", "--detach", "--json").out)["job_id"]
    outlasting.farm.on_look = lambda rendered: os.kill(os.getpid(), signal.SIGINT) if rendered == 2 else None
    ran = outlasting.run("fetch", job_id, "--quiet")
    assert (ran.code, ran.err) == (
        130,
        f"frameloom: Job {job_id} was not changed. Run the same command to fetch the rest.\n",
    )
    outlasting.farm.on_look = lambda _: None
    job = outlasting.farm.executions.describe(job_id)
    assert job is not None
    assert job.status is JobStatus.RUNNING


def test_fetching_a_job_that_made_nothing_says_why(outlasting: Terminal) -> None:
    executions = outlasting.farm.executions
    for job_id in ("shot-failed", "shot-skipped", "shot-old"):
        MemoryExecutions.start(executions, job_id, {"file": "shot.blend"})
    executions.end(
        "shot-failed", JobStatus.FAILED, error="NoCamera", cause="There is no camera: name one with `camera`."
    )
    executions.end("shot-skipped", JobStatus.SUCCEEDED, output={"skipped": "someone starts its job"})
    executions.end("shot-old", JobStatus.SUCCEEDED, output={})
    ran = outlasting.run("fetch", "shot-failed")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines()[-1] == "frameloom: There is no camera: name one with `camera`."
    for job_id, reason in (("shot-skipped", "someone starts its job"), ("shot-old", "its manifest is no longer")):
        ran = outlasting.run("fetch", job_id)
        assert (ran.code, ran.out) == (2, "")
        assert f"JOB: {job_id} has no results to fetch: {reason}" in ran.err
    assert outlasting.run("fetch", "nothing").code == 2


def test_a_second_interrupt_skips_the_canceling_and_still_closes_the_farm(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(10)

    terminal.farm.on_look = lambda rendered: interrupt() if rendered == 2 else None
    monkeypatch.setattr(terminal.farm.executions, "stop", interrupt)
    began = time.monotonic()
    ran = terminal.run("render", "shot.blend", "--out", "out")
    assert ran.code == 130
    assert time.monotonic() - began < 8
    assert terminal.farm.closed >= 1


def test_an_interrupt_while_the_farm_closes_is_not_heard(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    def close() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        closed.append(True)

    monkeypatch.setattr(terminal.farm, "close", close)
    assert terminal.run("render", "shot.blend", "--out", "out").code == 0
    assert closed == [True]


def test_an_interrupt_before_the_job_starts_closes_the_farm(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal.farm, "connection", lambda: os.kill(os.getpid(), signal.SIGTERM))
    ran = terminal.run("render", "shot.blend", "--out", "out", "--json")
    assert (ran.code, json.loads(ran.out)["error"]) == (130, "Canceled")
    assert terminal.farm.closed >= 1
    assert not Path("out").exists()
