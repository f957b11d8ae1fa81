"""Bad input to `frameloom render`: one sentence, exit code 2, nothing started and nothing created."""

import json
import os
from pathlib import Path

import pytest

from tests.scenes import make_scene
from tests.unit.memory_farm import MemoryFarm, Terminal, files


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terminal:
    """A terminal in a folder with the scenes shot.blend, which is good, and others, which are not."""
    good = make_scene(tmp_path / "shot.blend")
    make_scene(tmp_path / "blind.blend", camera=False)
    make_scene(tmp_path / "code.blend", driver="bpy.app.version[0]")
    (tmp_path / "bytes\udcff.blend").write_bytes(good.read_bytes())
    make_scene(tmp_path / "new.blend", saved_by="5.9")
    (tmp_path / "cut.blend").write_bytes(good.read_bytes()[:-5000])
    (tmp_path / "text.blend").write_text("no scene at all")
    (tmp_path / "empty.blend").touch()
    (tmp_path / "picture.png").touch()
    (tmp_path / "folder.blend").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    farm = MemoryFarm(image=b"")
    return Terminal(capsys, monkeypatch, farm)


BAD_SCENES = {
    "missing.blend": "there is no file 'missing.blend'",
    "text.blend": "'text.blend' is not a readable .blend file",
    "empty.blend": "'empty.blend' is not a readable .blend file",
    "cut.blend": "'cut.blend' is not a readable .blend file",
    "picture.png": "'picture.png' is not a readable .blend file: its name does not end in .blend.",
    "folder.blend": "'folder.blend' is not a readable .blend file: it is a folder.",
    "blind.blend": "has no camera, and the picture needs it: set one in that scene's properties, or name",
    "code.blend": "(in a request, the field trust_scripts is true or false; in an uploaded scene's metadata",
    "bytes\udcff.blend": "since a key takes UTF-8 text, not other bytes; choose another key with `--set file=",
    "new.blend": "was saved by Blender 5.9, but this farm has Blender 4.5",
}
BAD_WORDS = {
    "--frames 10-1": "--frames: '10-1' counts down",
    "--frames 1-": "--frames: '1-' is not a range of frames",
    "--frames abc": "--frames: 'abc' is not a range of frames",
    "--frames 1-5,3": "--frames: frame 3 is named twice",
    "--frames 1-1000001": "--frames: 1,000,001 frames exceed the limit of 1,000,000",
    "--frames 1-3 --start 1 --end 3": "--frames: cannot be combined with `--start`, `--end` or `--step`.",
    "--start 5": "--end: is missing: `--start` needs it.",
    "--end 5": "--start: is missing",
    "--start 5 --end 1": "--end: 1 is less than `--start`, 5.",
    "--start one --end 3": "--start: takes a whole number, not 'one'.",
    "--step 2": "--step: needs `--start` and `--end`.",
    "--scene Nowhere": "Nowhere",
    "--camera Nobody": "Nobody",
    "--samples 0": "--samples: takes 1 or more, not 0.",
    "--resolution big": "--resolution: takes a whole number, not 'big'.",
    "--engine POVRAY": "--engine: takes 'CYCLES', 'EEVEE' or 'WORKBENCH', not 'POVRAY'.",
    "--format GIF": "--format: takes 'PNG', 'OPEN_EXR' or 'JPEG', not 'GIF'.",
    "--fps 0": "--fps: takes",
    "--codec mpeg1": "--codec: takes 'h264', 'h265', 'av1' or 'prores', not 'mpeg1'.",
    "--codec prores --quality 20": "--quality: does not apply to prores, which has one quality: leave it out",
    "--codec av1 --set video.codec=h265": "--set video.codec: is given twice",
    "--quality 52": "--quality: takes 51 or less, not 52.",
    "--on-missing maybe": "--on-missing: takes 'fail' or 'stitch', not 'maybe'.",
    "--chunk-size 0": "--chunk-size: ",
    "--max-workers 0": "--max-workers: ",
    "--set colour=red": "--set colour: is not a field; the fields are",
    "--set video.colour=red": "--set video.colour: is not a field; the fields are codec, quality",
    "--set colour": "--set: takes NAME=VALUE, not 'colour'",
    "--set =3": "--set: takes NAME=VALUE",
    "--set video=3": "--set video: takes an object with the fields codec, quality, not '3'.",
    "--set video=3 --quality 3": "--set video: is given a value of its own, and fields inside of it",
    "--set frames.first=3 --frames 1": "--set frames.first: is inside of frames",
    "--trust-scripts --without-scripts": "--trust-scripts: cannot be combined with --without-scripts.",
    "--set samples=3 --samples 3": "--set samples: is given twice",
    "--set blender=3.6.0": "--set blender: this farm has Blender 4.5",
    "--blender 5.0": "--blender: this farm has Blender 4.5.15, not '5.0': leave it out",
    "--set file=../shot.blend": "--set file: ",
    "--out file": "/file' is not a folder.",
    "--out file/below": "is not a folder",
    "--workers none": "Invalid value for '--workers'",
    "--workers 0": "Invalid value for '--workers'",
    "--colour red": "No such option: --colour",
    "--set samples=0": "--set samples: takes 1 or more, not 0.",
    "--set queue_timeout=0": "--set queue_timeout: takes 1 or more, not 0.",
    "--set chunk_timeout=5": "--set chunk_timeout: must exceed `--set queue_timeout`",
    "--set resolution_percentage=0": "--set resolution_percentage: takes 1 or more, not 0.",
    "--frames 1-10x2": "--frames: '1-10x2' is not a range of frames: OpenCue's 1-10x2 is 1-10:2 here.",
}


@pytest.mark.parametrize("scene", BAD_SCENES)
def test_a_scene_that_no_farm_can_render_is_refused(terminal: Terminal, scene: str) -> None:
    refused(terminal, "render", scene, "--frames", "1-3", saying=BAD_SCENES[scene])


@pytest.mark.parametrize("words", BAD_WORDS)
def test_an_invalid_request_is_refused(terminal: Terminal, words: str) -> None:
    refused(terminal, "render", "shot.blend", *words.split(), saying=BAD_WORDS[words])


@pytest.mark.skipif(not os.path.ismount("/proc"), reason="there is no folder that even root cannot write to")
def test_an_output_folder_that_cannot_be_written_is_refused(terminal: Terminal) -> None:
    refused(terminal, "render", "shot.blend", "--out", "/proc/out", saying="--out: '/proc' cannot be written to (")


def test_a_folder_with_the_name_of_the_video_is_refused(terminal: Terminal) -> None:
    Path("shot.mp4").mkdir()
    refused(terminal, "render", "shot.blend", saying="--out: 'shot.mp4' is a folder, where a file must go")


def test_a_scene_name_too_long_for_a_version_is_refused(terminal: Terminal) -> None:
    scene = Path(f"{'n' * 232}.blend")
    scene.write_bytes(Path("shot.blend").read_bytes())
    refused(terminal, "render", str(scene), saying="is too long: a version of its film or report")


def test_an_unknown_command_option_or_argument_is_refused(terminal: Terminal) -> None:
    refused(terminal, "sequence", "shot.blend", "--frames", "3-1", saying="--frames: '3-1' counts down")
    refused(terminal, "sequence", "shot.blend", "--frames-only", saying="No such option: --frames-only")
    refused(terminal, "renderr", "shot.blend", saying="No such command 'renderr'. Did you mean 'render'")
    refused(terminal, "render", saying="Missing argument")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--frames", "abc"), "InvalidRequest"),
        (("--colour", "red"), "UsageError"),
        (("--out", "file"), "InvalidRequest"),
    ],
)
def test_a_refusal_is_json_with_the_json_option(terminal: Terminal, words: tuple[str, ...], error: str) -> None:
    ran = terminal.run("render", "shot.blend", "--json", *words)
    document = json.loads(ran.out)
    assert set(document) == {"error", "cause"}
    assert document["error"] == error
    assert ran.err == f"frameloom: {document['cause']}\n"


def refused(terminal: Terminal, *words: str, saying: str) -> None:
    """Run a command that must be refused, and leave no trace."""
    before = files(Path())
    ran = terminal.run(*words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("frameloom: ")
    assert ran.err.count("\n") == 1, "more than one line"
    assert saying in ran.err
    assert files(Path()) == before
    assert terminal.farm.opened == 0
