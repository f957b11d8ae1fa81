"""The facts of a rich scene in the output of `frameloom check`, in the words of Blender's interface."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from frameloom.cli import main
from tests.scenes import make_scene

ROOT = Path(__file__).parents[2]
RICH = """
render, image = scene.render, scene.render.image_settings
layer = scene.view_layers[0]
layer.use_pass_z = layer.use_pass_mist = layer.use_pass_cryptomatte_object = True
layer.aovs.add().name = "Mask"
props = scene.view_layers.new("Props")
props.use, props.use_pass_normal = False, True
image.file_format, image.color_depth, image.exr_codec = "OPEN_EXR_MULTILAYER", "32", "DWAA"
render.film_transparent = render.use_motion_blur = render.use_simplify = render.use_border = True
render.use_stamp, render.frame_map_new, render.resolution_percentage = True, 50, 50
scene.view_settings.exposure = 0.5
scene.use_nodes = True
scene.node_tree.nodes.new("CompositorNodeOutputFile").name = "Mattes"
bpy.data.texts.new("start.py").use_module = True
for frame in (1, 3):
    scene.timeline_markers.new("cut", frame=frame).camera = bpy.data.objects["Side"]
cube = bpy.data.objects["Cube"]
cube.modifiers.new("hair", "PARTICLE_SYSTEM").show_viewport = False
edit = bpy.data.scenes.new("Edit")
edit.sequence_editor_create().strips.new_sound("sound", "//sound.wav", 1, 1)
image = bpy.data.images.new("wood", 8, 8)
image.source, image.filepath, image.use_fake_user = "FILE", "//wood.png", True
"""


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("sound.wav", "wood.png"):
        (tmp_path / name).write_bytes(b"1234")
    return make_scene(tmp_path / "shot.blend", also=RICH, cameras=("Side", "Top"))


def sections(text: str) -> dict[str, list[str]]:
    """Return the lines below each title."""
    found: dict[str, list[str]] = {}
    title = ""
    for line in text.splitlines():
        if line[0] in " !" and not line.startswith("! A job"):
            found[title].append(line)
        else:
            title = line
            found[title] = []
    return found


def test_a_rich_scene_is_described_from_the_job_to_its_contents(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", scene.name]) == 0
    output = capsys.readouterr()
    head, *titles, last = found = sections(output.out)
    assert re.fullmatch(r"shot\.blend \([\d.]+ kB\), saved by Blender 4\.5, rendered by 4\.5\.15", head)
    legend = "! A job replaces this setting or leaves it out: see the notices."
    assert titles == ["A job makes", "Scene 'Scene', the active one", legend, "Other scenes", "The file also has"]
    assert last == "Other files: 2 (8 bytes)"
    assert found["Scene 'Scene', the active one"] == [
        "  Frame Range       1-5",
        "  Frame Rate        24 fps",
        "  Time Stretching   100 to 50",
        "  Resolution        64 x 36 at 50 %: 32 x 18",
        "  Camera            Side; markers bind Side, and 2 more in the file",
        "  Render Engine     Cycles",
        "  Options           Motion Blur, Simplify, Render Region, Transparent",
        "  View Layer        ViewLayer: Combined, Z, Mist, Cryptomatte Object, Mask",
        "  View Layer        Props (not used for rendering): Combined, Normal",
        "  Picture           Compositor",
        "! File Output       Mattes",
        "! File Format       OpenEXR MultiLayer, RGBA, 32 bits, DWAA",
        "  Color Management  sRGB, Standard, exposure 0.5",
        "! Burn Into Image   Date, Render Time, Filename",
    ]
    assert found["The file also has"] == [
        "  Python            text 'start.py', which runs when the file opens",
        "  Unbaked           particles of 'Cube'",
    ]
    assert (last, sorted(found[last])) == (
        "Other files: 2 (8 bytes)", ["  there   sound.wav  4 bytes", "  there   wood.png  4 bytes"],
    )  # fmt: skip
    assert "File Output nodes of scene 'Scene' write no files on a farm: 'Mattes'." in output.err


def keys(document: object) -> Iterator[str]:
    if isinstance(document, dict):
        yield from document
    for part in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from keys(part)


def test_the_guide_names_each_field_of_the_json(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", scene.name, "--json"])
    document = json.loads(capsys.readouterr().out)
    guide = (ROOT / "docs/td.md").read_text(encoding="utf-8")
    described = guide.partition("## The JSON of `frameloom check`")[2].partition("\n## ")[0]
    assert document["job"]["size"] == [32, 18]
    values = {"compositor", "sequencer", "render"}
    assert {*keys(document)} | {"error", "cause"} | values == set(re.findall(r"`([a-z_]+)`", described)) | values
