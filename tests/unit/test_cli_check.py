"""`frameloom check`, without a network."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from frameloom.cli import main
from frameloom.services.storage.local_files import Disk
from tests.scenes import make_scene
from tests.unit.blends import for_blender_alone

# A fluid, not seen where the scene is made, or Blender would simulate it there.
REPLAYED = """
fluid = bpy.data.objects["Cube"].modifiers.new("fluid", "FLUID")
fluid.show_viewport, fluid.fluid_type = False, "DOMAIN"
fluid.domain_settings.cache_type, fluid.domain_settings.cache_directory = "REPLAY", "//fluid"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, without a network."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("check asks nobody")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["check", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def put(*paths: str) -> None:
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1234")


def test_a_complete_scene_is_described_in_a_few_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_scene(folder / "shot.blend", frames=(3, 12), step=2, fps="29.97", scenes=("Day", "Night"), active="Night")
    assert check(capsys, "shot.blend") == (
        0,
        f"""\
shot.blend ({(folder / "shot.blend").stat().st_size / 1000:.1f} kB), saved by Blender 4.5, rendered by 4.5.15
A job makes
  Frames            5 PNG, 64 x 36 pixels
  Film              H.264 (.mp4), 29.97 fps
Scene 'Night', the active one
  Frame Range       3-12:2
  Frame Rate        29.97 fps
  Resolution        64 x 36
  Camera            Night camera, and 1 more in the file
  Render Engine     Cycles
  File Format       PNG, RGBA, 8 bits
  Color Management  sRGB, Standard
Other scenes
  Day: frames 3-12:2, 29.97 fps, 64 x 36, Cycles, camera: Camera
""",
        "",
    )


def test_missing_files_are_refused_and_existing_ones_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_scene(folder / "shot.blend", outside=True, missing_image="//textures/lost.png")
    put("textures/wood.png", "textures/film.mp4", "plates/plate_0007.png", "plates/plate_0008.png")
    code, out, err = check(capsys, "shot.blend")
    assert code == 2
    assert sorted(line.split() for line in out.partition("Other files: 4 (16 bytes), 3 missing\n")[2].splitlines()) == [
        ["missing", "//caches/smoke_0001.vdb"],
        ["missing", "//textures/lost.png"],
        ["missing", "//textures/skin.<UDIM>.png"],
        ["there", "plates/plate_0007.png", "4", "bytes"],
        ["there", "plates/plate_0008.png", "4", "bytes"],
        ["there", "textures/film.mp4", "4", "bytes"],
        ["there", "textures/wood.png", "4", "bytes"],
    ]
    assert "refers to files that are missing: //textures/lost.png. " in err
    # A fake user is their only user.
    (folder / "textures/lost.png").write_bytes(b"1234")
    code, _, err = check(capsys, "shot.blend")
    assert code == 0
    assert "no frame shows: //textures/skin.<UDIM>.png, //caches/smoke_0001.vdb." in err


def test_json_has_the_same_facts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_scene(folder / "shot.blend", missing_image="//../wood.png")
    put("../wood.png")
    Path("../wood.png").write_bytes(b"\x89PNG\r\n")
    code, out, _ = check(capsys, "shot.blend", "--json")
    answer = json.loads(out)
    [scene], [notice] = answer["scenes"], answer["notices"]
    assert code == 0
    assert (
        scene.items() >= {"name": "Scene", "frames": "1-5", "fps": "24", "size": [64, 36], "camera": "Camera"}.items()
    )
    assert scene["colours"].items() >= {"display": "sRGB", "view": "Standard", "sequencer": "sRGB"}.items()
    assert scene["view_layers"] == [{"name": "ViewLayer", "rendered": True, "passes": ["Combined"]}]
    film = {"codec": "h264", "container": "mp4", "fps": "24"}
    job = {"frames": "1-5", "size": [64, 36], "format": "PNG", "files_per_frame": 1, "film": film, "ocio": None}
    whole = {"file": "shot.blend", "blender": "4.5", "rendered_by": "4.5.15", "active": "Scene", "cameras": ["Camera"]}
    assert answer.items() >= {**whole, "job": job, "missing": [], "scripts": []}.items()
    assert answer["assets"] == [{"path": "../wood.png", "bytes": 6}]
    assert (notice["kind"], notice["items"]) == ("outside", [str(folder.parent / "wood.png")])
    Path("../wood.png").unlink()
    code, out, _ = check(capsys, "shot.blend", "--json")
    refused = json.loads(out)
    assert (code, refused["error"], refused["missing"]) == (2, "MissingAssets", ["//../wood.png"])
    assert refused["job"] is None


def test_the_files_of_a_library_are_checked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "sets").mkdir()
    library = make_scene(folder / "sets/set.blend", missing_image="//wood.png")
    make_scene(folder / "shot.blend", camera=False, library=library, library_path="//sets/set.blend")
    code, out, _ = check(capsys, "shot.blend", "--json")
    [missing] = json.loads(out)["missing"]
    assert (code, missing.startswith("//wood.png (of "), missing.endswith("sets/set.blend)")) == (2, True, True)
    put("sets/wood.png")
    assert check(capsys, "shot.blend")[0] == 0


@pytest.mark.parametrize(
    ("recipe", "words", "said"),
    [
        ({"camera": False}, [], "has no camera"),
        ({"saved_by": "5.9"}, [], "was saved by Blender 5.9, but this farm has Blender 4.5.15: add"),
        ({}, ["--blender", "4.4"], "was saved by Blender 4.5, but this farm has Blender 4.4: add"),
        ({}, ["--blender", "new"], "--blender: takes a version such as 4.5, not 'new'"),
        ({"fps": "1/2"}, [], "fps: "),
        (
            {"also": REPLAYED},
            [],
            "trust_scripts: 'shot.blend' simulates while it renders, and would write to //fluid",
        ),
    ],
)
def test_check_refuses_the_scenes_that_a_farm_refuses(
    folder: Path, capsys: pytest.CaptureFixture[str], recipe: dict[str, Any], words: list[str], said: str
) -> None:
    make_scene(folder / "shot.blend", **recipe)
    code, _, err = check(capsys, "shot.blend", *words)
    refusals = [line for line in err.splitlines() if not line.startswith("frameloom: notice:")]
    assert (code, said in refusals[0], len(refusals)) == (2, True, 1)


def test_python_in_a_scene_and_in_its_library_is_a_notice(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    library = make_scene(folder / "set.blend", driver="bpy.app.version[0]")
    make_scene(folder / "shot.blend", camera=False, library=library, library_path="//set.blend", script="import os")
    code, out, err = check(capsys, "shot.blend", "--json")
    text, driver = json.loads(out)["scripts"]
    assert (code, text) == (0, "text 'startup.py', which runs when the file opens")
    assert driver.startswith("driver of object 'Cube', location[2]: 'bpy.app.version[0]' (of ")
    assert err.startswith("frameloom: notice: 'shot.blend' contains Python, which runs only if")
    assert json.loads(out)["notices"][0]["text"] in err
    assert all(way in err for way in ("--trust-scripts", "--without-scripts"))


def test_a_newer_scene_passes_for_a_newer_blender(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_scene(folder / "shot.blend", saved_by="5.0")
    assert check(capsys, "shot.blend", "--blender", "5.0.1")[0] == 0


def test_a_file_that_is_not_a_scene_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "text.blend").write_text("no scene at all")
    code, out, err = check(capsys, "text.blend", "--json")
    assert (code, json.loads(out)["error"], "not a readable .blend" in err) == (2, "SceneUnreadable", True)
    assert check(capsys, "nowhere.blend")[0] == 2


def test_a_disk_has_the_files_and_no_folders(folder: Path) -> None:
    put("a/one.png", "a/two.png", "b/one.png")
    disk = Disk.of(folder / "shot.blend", "film/shot.blend")
    assert disk.path("film/a/one.png").read_bytes() == b"1234"
    assert [stored.key for stored in disk.list("", "film/a/o")] == ["film/a/one.png"]
    assert disk.head("", "film/a") is None
    assert disk.head("", "film/a/one.png/further") is None
    assert list(disk.list("", "film/nowhere/")) == []


def test_a_scene_that_only_blender_can_read_is_inspected_by_the_blender_of_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = make_scene(tmp_path / "odd.blend", frames=(3, 7))
    _, out, _ = check(capsys, str(scene), "--json")
    expected = json.loads(out)
    scene.write_bytes(for_blender_alone(scene.read_bytes()))
    code, out, _ = check(capsys, str(scene), "--json")
    assert (code, json.loads(out)) == (0, expected | {"bytes": scene.stat().st_size})


def test_without_blender_such_a_scene_is_refused_with_both_ways_to_render_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = make_scene(tmp_path / "odd.blend")
    scene.write_bytes(for_blender_alone(scene.read_bytes()))
    monkeypatch.setattr("frameloom.local.inspect_scene.installed_blenders", list)
    code, _, err = check(capsys, str(scene))
    assert code == 2
    assert "only Blender can read it, and this machine has no Blender" in err
    assert "upload the scene to the scenes bucket" in err


def test_the_views_and_the_use_of_a_camera_are_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del folder
    views = "scene.render.use_multiview = True; scene.render.views['right'].use = False"
    strip = "scene.sequence_editor_create().strips.new_effect('strip', 'COLOR', 1, 1, frame_end=9)"
    make_scene(Path("shot.blend"), camera=False, also=f"{views}; {strip}")
    _, out, _ = check(capsys, "shot.blend")
    assert "Camera            none needed\n" in out
    assert "Picture           strips of the Sequencer\n" in out
    assert "Stereoscopy       left (individual files)\n" in out
    assert "5 PNG, 64 x 36 pixels, 1 file each\n" in out
