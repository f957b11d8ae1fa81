"""The command line as a user runs it: processes of its own, a farm of its own, a real Blender."""

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.rig import wait
from tests.scenes import make_scene
from tests.video_probe import probe

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/rolling_ball.blend"
# A scene by other people, used if it exists beside the checkout.
POTTERY = ROOT.parent / "shared/scenes/pottery.blend"


@pytest.fixture
def frameloom(tmp_path: Path) -> "CommandLine":
    return CommandLine(tmp_path)


class CommandLine:
    """`frameloom`, run in a folder of the test's with a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.out, self.home = folder / "out", folder / "home"
        self.program = str(Path(sys.executable).with_name("frameloom"))
        self.environment = {**os.environ, "FRAMELOOM_HOME": str(self.home), "TMPDIR": str(folder)}

    def start(self, *arguments: str | Path) -> "subprocess.Popen[str]":
        """Start it, in a process group of its own, as a shell does."""
        command = [self.program, *map(str, arguments)]
        return subprocess.Popen(
            command,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str | Path) -> dict[str, Any]:
        """Run the command and return its JSON."""
        process = self.start(*arguments, "--out", self.out, "--json")
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        answer: dict[str, Any] = json.loads(output)
        return answer


def test_the_example_becomes_a_film_of_seventeen_frames(frameloom: CommandLine) -> None:
    answer = frameloom.run("render", EXAMPLE, "--frames", "1-17", "--resolution", "10", "--samples", "1")
    facts = probe(Path(answer["paths"]["video"]))
    assert (facts.frames, facts.fps, facts.size) == (17, Fraction(24), (64, 36))
    frames = sorted(path.name for path in Path(answer["paths"]["frames"]).iterdir())
    assert frames == [f"{frame:06d}.png" for frame in range(1, 18)]
    assert json.loads(Path(answer["paths"]["report"]).read_text())["summary"]["status"] == "succeeded"


def test_a_second_run_renders_only_what_is_missing(frameloom: CommandLine, tiny: Path) -> None:
    first = frameloom.run("render", tiny, "--frames", "1-3", "--frames-only")
    assert "video" not in first["paths"]
    second = frameloom.run("render", tiny, "--frames", "1-5")
    assert second["frames"] == {"total": 5, "rendered": 2, "reused": 3, "missing": 0}
    assert probe(Path(second["paths"]["video"])).frames == 5


def test_other_films_of_one_name_are_versions(frameloom: CommandLine, tmp_path: Path) -> None:
    def render(folder: str, frames: str) -> str:
        film = Path(frameloom.run("render", tmp_path / folder / "shot.blend", "--frames", frames)["paths"]["video"])
        made[film.name] = probe(film).frames
        return film.name

    made: dict[str, int] = {}
    for folder, samples in (("A", 1), ("B", 2)):
        (tmp_path / folder).mkdir()
        make_scene(tmp_path / folder / "shot.blend", samples=samples, size=(32, 18 * samples))
    assert [render("A", "1-3"), render("A", "1005"), render("B", "1-2"), render("A", "1-3")] == [
        "shot.mp4",
        "shot_v002.mp4",
        "shot_v003.mp4",
        "shot.mp4",
    ]
    assert made == {"shot.mp4": 3, "shot_v002.mp4": 1, "shot_v003.mp4": 2}
    assert {path.name for path in frameloom.out.glob("*.report.json")} == {
        "shot.report.json",
        "shot_v002.report.json",
        "shot_v003.report.json",
    }


def test_an_own_farm_runs_the_python_in_a_trusted_scene(frameloom: CommandLine, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    scene = make_scene(tmp_path / "rig.blend", frames=(1, 1), script=f'open({str(ran)!r}, "w").write("it ran")')
    answer = frameloom.run("render", scene, "--frames-only", "--set", "trust_scripts=true")
    assert (answer["status"], ran.read_text()) == ("succeeded", "it ran")


def test_a_sequence_is_made_of_frames_that_exist(frameloom: CommandLine, tiny: Path) -> None:
    frameloom.run("render", tiny, "--frames", "2-4", "--frames-only")
    answer = frameloom.run("sequence", tiny, "--frames", "2-4", "--fps", "12")
    facts = probe(Path(answer["paths"]["video"]))
    assert (facts.frames, facts.fps) == (3, Fraction(12))
    assert answer["frames"]["rendered"] == 0


def test_a_sequence_without_frames_fails_in_one_sentence(frameloom: CommandLine, tiny: Path) -> None:
    process = frameloom.start("sequence", tiny, "--frames", "1-2", "--out", frameloom.out, "--quiet")
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "2 of 2 frames are missing: 1-2." in errors
    assert len(errors.splitlines()) == 1


def test_ctrl_c_leaves_no_process_and_keeps_whole_frames_only(
    frameloom: CommandLine, steady: Path, tmp_path: Path
) -> None:
    process = frameloom.start("render", steady, "--out", frameloom.out)
    wait(lambda: len(list(frameloom.out.rglob("*.png"))) >= 2, "two frames")
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 4  # emulator, fleet, worker, Blender
    # As a terminal does: to the whole group.
    os.killpg(process.pid, signal.SIGINT)
    begun = time.monotonic()
    process.communicate()
    assert process.returncode == 130
    assert time.monotonic() - begun < 20
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []
    left = {path.suffix for path in frameloom.out.rglob("*") if path.is_file()}
    assert left == {".png"}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("frameloom-")] == []
    kept = len(list(frameloom.out.rglob("*.png")))
    answer = frameloom.run("render", steady)
    assert answer["frames"] == {"total": 12, "rendered": 12 - kept, "reused": kept, "missing": 0}


def test_an_own_farm_ends_with_its_terminal(frameloom: CommandLine, steady: Path, tmp_path: Path) -> None:
    command = [frameloom.program, "render", str(steady), "--out", str(frameloom.out)]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(frameloom.program, command, frameloom.environment)  # noqa: S606  a terminal without a shell
    os.set_blocking(terminal, False)

    def rendered() -> bool:
        with suppress(BlockingIOError):
            # An unread terminal fills up and blocks its writer.
            os.read(terminal, 65536)
        return len(list(frameloom.out.rglob("*.png"))) >= 2

    wait(rendered, "two frames")
    family = psutil.Process(pid).children(recursive=True)
    assert len(family) >= 4  # emulator, fleet, worker, Blender
    os.close(terminal)
    _, ending = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(ending) == 130
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []
    assert {path.suffix for path in frameloom.out.rglob("*") if path.is_file()} == {".png"}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("frameloom-")] == []


def test_a_detached_job_is_fetched_by_the_command_that_it_printed(frameloom: CommandLine, tiny: Path) -> None:
    farm = frameloom.start("farm", "up", "--workers", "1")
    try:
        wait(lambda: list(frameloom.home.glob("farm.json")) or farm.poll() is not None, "a farm")
        assert farm.poll() is None, farm.communicate()
        started = frameloom.run("render", tiny, "--frames", "1-3", "--detach")
        assert not frameloom.out.exists()
        environment = frameloom.environment | {
            "PATH": f"{Path(frameloom.program).parent}{os.pathsep}{os.environ['PATH']}"
        }
        for name in ("status", "follow", "fetch"):
            command = shlex.split(started["commands"][name])
            ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=90)
            assert ran.returncode == 0, ran
            assert started["job_id"] in ran.stdout or name != "status"
        assert probe(frameloom.out / "tiny.mp4").frames == 3
        assert sorted(path.name for path in frameloom.out.rglob("*.png")) == ["000001.png", "000002.png", "000003.png"]
    finally:
        farm.terminate()
        farm.communicate(timeout=60)


@pytest.mark.skipif(not POTTERY.exists(), reason=f"{POTTERY.name} is not beside the checkout, in shared/scenes/")
def test_a_foreign_scene_renders(frameloom: CommandLine) -> None:
    answer = frameloom.run("render", POTTERY, "--frames", "1-3", "--resolution", "10", "--samples", "2")
    facts = probe(Path(answer["paths"]["video"]))
    assert (facts.frames, facts.size) == (3, (108, 136))
    assert answer["frames"]["rendered"] == 3
