"""Scenes that Blender would render differently are refused before any worker starts."""

import importlib.metadata
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from frameloom.model.colours import Colours, missing_names
from frameloom.model.errors import InvalidRequest
from frameloom.model.request import parse_request
from frameloom.services.resolve_request import ResolvedRequest, resolve_request
from frameloom.services.scene.find_assets import find_assets
from frameloom.services.scene.reader import read_scene
from frameloom.services.storage.local_files import Disk
from tests.conformance.toolbox import ROOT
from tests.scenes import make_scene
from tests.unit.blends import with_text

ENGINE = (b"SC", b"r", b"engine")
VIEW = (b"SC", b"view_settings", b"view_transform")
LOOK = (b"SC", b"view_settings", b"look")
DISPLAY = (b"SC", b"display_settings", b"display_device")
SPACE = (b"IM", b"colorspace_settings", b"name")
# Drivers in all kinds of data-blocks. All but the last two need trust.
DRIVERS = """
def drive(owner, path, index, expression):
    curve = owner.driver_add(path, index) if index >= 0 else owner.driver_add(path)
    curve.driver.expression = expression
    return curve.driver
cube = bpy.data.objects["Cube"]
drive(cube, "location", 0, "self.location.y").use_self = True
cube.shape_key_add(name="Basis"), cube.shape_key_add(name="Bent")
drive(cube.data.shape_keys.key_blocks["Bent"], "value", -1, "bpy.context.scene.frame_current")
drive(bpy.data.materials[0].node_tree.nodes[0].inputs[2], "default_value", -1, "noise.random()")
drive(bpy.data.worlds[0], "color", 1, "[i for i in (1, 2)][0]")
drive(cube, "location", 1, "bpy.app").id_data.animation_data.drivers[1].mute = True
simple = drive(cube, "location", 2, "sin(frame / 24 * pi) + width if 0 < frame < 9 else max(width, 1)")
simple.variables.new().name = "width"
"""


def resolved(scene: Path, **fields: object) -> ResolvedRequest:
    return resolve_request(parse_request({"file": "shot.blend", **fields}), scene, blenders=["4.5.15"], device="CPU")


def refusal(scene: Path, **fields: object) -> str:
    with pytest.raises(InvalidRequest) as raised:
        resolved(scene, **fields)
    return str(raised.value)


def test_drivers_that_need_trust_are_described_with_their_locations(tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "shot.blend", also=DRIVERS)
    assert set(read_scene(scene).scripts) == {
        "driver of object 'Cube', location[0]: 'self.location.y'",
        "driver of shape keys 'Key', key_blocks[\"Bent\"].value[0]: 'bpy.context.scene.frame_current'",
        "driver of material 'Cube', nodes[\"Principled BSDF\"].inputs[2].default_value[0]: 'noise.random()'",
        "driver of world 'World', color[1]: '[i for i in (1, 2)][0]'",
    }
    # A compressed file, and a library, give the same result.
    assert read_scene(make_scene(tmp_path / "packed.blend", also=DRIVERS, compress=True)).scripts == (
        read_scene(scene).scripts
    )
    user = make_scene(tmp_path / "user.blend", camera=False, library=scene, library_path="//shot.blend")
    found = find_assets(Disk.of(user, "user.blend"), "", "user.blend", read_scene(user).references)
    assert [words.rpartition(" (of ")[0] for words in found.scripts] == list(read_scene(scene).scripts)


@pytest.mark.parametrize(
    ("recipe", "named"),
    [
        ({"driver": "bpy.app.version[0]"}, "driver of object 'Cube', location[2]: 'bpy.app.version[0]'"),
        ({"script": "import os"}, "text 'startup.py', which runs when the file opens"),
        ({"style": "import os"}, "Freestyle style 'style.py'"),
    ],
)
def test_a_scene_with_code_is_refused_unless_the_job_sets_trust_scripts(
    tmp_path: Path, recipe: dict[str, str], named: str
) -> None:
    scene = make_scene(tmp_path / "shot.blend", **recipe)  # type: ignore[arg-type]
    said = refusal(scene)
    assert said.startswith("trust_scripts: ")
    assert all(words in said for words in (named, "--trust-scripts", "--without-scripts", "metadata"))
    assert resolved(scene, trust_scripts=True).settings.trust_scripts is True
    assert resolved(scene, trust_scripts=False).settings.trust_scripts is False
    # A job that renders no frames runs no code.
    resolved(scene, output="video")


def test_disabled_code_is_ignored(tmp_path: Path) -> None:
    also = "scene.render.use_freestyle = False"
    resolved(make_scene(tmp_path / "shot.blend", style="import os", also=also))
    text = "bpy.data.texts.new('notes.py').from_string('import os')"
    resolved(make_scene(tmp_path / "notes.blend", also=text))


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ("LUXCORE", "scene 'Scene' uses the engine 'LUXCORE', which the workers' Blender 4.5.15 lacks"),
        ("POVRAY_RENDER", "'POVRAY_RENDER'"),
        ("BLENDER_GAME", "'BLENDER_GAME'"),
        (
            "BLENDER_RENDER",
            "Blender Internal, which was removed after Blender 2.79; Blender 4.5.15 would render it with EEVEE",
        ),
    ],
)
def test_an_engine_that_the_workers_lack_is_refused_unless_the_job_names_another(
    tmp_path: Path, engine: str, said: str
) -> None:
    scene = with_text(make_scene(tmp_path / "shot.blend"), *ENGINE, text=engine)
    words = refusal(scene)
    assert words.startswith("engine: ")
    assert said in words
    assert "--engine" in words
    resolved(scene, engine="EEVEE")


@pytest.mark.parametrize("engine", ["BLENDER_EEVEE", "BLENDER_EEVEE_NEXT", "BLENDER_WORKBENCH"])
def test_engines_are_accepted_by_all_identifiers_of_blender_versions(tmp_path: Path, engine: str) -> None:
    resolved(with_text(make_scene(tmp_path / "shot.blend"), *ENGINE, text=engine))


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        (VIEW, "ACES 1.0 SDR-video", "the view 'ACES 1.0 SDR-video' of scene 'Scene'"),
        (VIEW, "Film", "the view 'Film' of scene 'Scene'"),
        (LOOK, "Kodak Ektachrome 320T", "the look 'Kodak Ektachrome 320T' of scene 'Scene'"),
        (LOOK, "AgX - Punchy", "the look 'AgX - Punchy' of scene 'Scene' (with the view 'Standard')"),
        (DISPLAY, "ACES", "the display 'ACES' of scene 'Scene'"),
        ((b"SC", b"sequencer_colorspace_settings", b"name"), "lg10", "the colour space 'lg10' of the sequencer of"),
        (SPACE, "Input - ARRI", "the colour space 'Input - ARRI' of image 'pixels'"),
    ],
)
def test_a_name_that_the_colour_configuration_lacks_is_refused(
    tmp_path: Path, field: tuple[bytes, ...], text: str, said: str
) -> None:
    image = "bpy.data.images.new('pixels', 8, 8).use_fake_user = True"
    scene = with_text(make_scene(tmp_path / "shot.blend", also=image), *field, text=text)
    assert said in refusal(scene)
    resolved(scene, output="video")


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (VIEW, "Default"),
        (VIEW, "Raw"),
        (VIEW, ""),
        (LOOK, ""),
        (LOOK, "Very High Contrast"),
        (DISPLAY, ""),
        (SPACE, "Linear"),
        (SPACE, "Utility - sRGB - Texture"),
        (SPACE, "FILMIC LOG"),
        (SPACE, "scene_linear"),
    ],
)
def test_a_name_that_blender_maps_is_accepted(tmp_path: Path, field: tuple[bytes, ...], text: str) -> None:
    image = "bpy.data.images.new('pixels', 8, 8).use_fake_user = True"
    resolved(with_text(make_scene(tmp_path / "shot.blend", also=image), *field, text=text))


@pytest.mark.parametrize(
    ("colours", "until", "named"),
    [
        (Colours(display="None", view="Default", look="None"), (4, 0), "the display 'None' of scene"),
        (Colours(view="Filmic", look="Filmic - High Contrast"), (2, 79), "the look 'Filmic - High Contrast' of"),
        (Colours(view="Filmic", look="Filmic - High Contrast"), (2, 82), "the look 'Filmic - High Contrast' of"),
        (Colours(view="Filmic", look="Filmic - Base Contrast"), (2, 79), "the look 'Filmic - Base Contrast' of"),
        (Colours(view="Filmic", look="Filmic - Base Contrast"), (2, 80), "the look 'Filmic - Base Contrast' of"),
    ],
)
def test_old_looks_are_accepted_in_files_of_the_versions_that_blender_maps(
    colours: Colours, until: tuple[int, int], named: str
) -> None:
    assert list(missing_names(colours, (), blender="4.5.15", saved_by=until)) == []
    [words] = missing_names(colours, (), blender="4.5.15", saved_by=(4, 1))
    assert words.startswith(named)


@pytest.mark.parametrize("template", ["VFX", "Video_Editing"])
def test_scenes_from_blenders_templates_are_accepted(template: str) -> None:
    """A development version of 2.80 saved Blender's templates, with the look `Filmic - Base Contrast`."""
    package = importlib.util.find_spec("bpy")
    assert package is not None
    assert package.origin is not None
    [scene] = Path(package.origin).parent.glob(f"*/scripts/startup/bl_app_templates_system/{template}/startup.blend")
    resolved(scene)


def test_an_output_with_its_own_colour_management_is_checked_by_it(tmp_path: Path) -> None:
    also = "scene.render.image_settings.color_management = 'OVERRIDE'"
    scene = make_scene(tmp_path / "shot.blend", also=also)
    with_text(scene, *VIEW, text="Film")
    resolved(scene)
    with_text(scene, b"SC", b"r", b"im_format", b"view_settings", b"view_transform", text="Film")
    assert "the view 'Film'" in refusal(scene)


def test_the_colour_space_of_openexr_frames_is_checked_only_for_openexr(tmp_path: Path) -> None:
    """If Blender lacks this colour space, it silently uses another."""
    also = "scene.render.image_settings.color_management = 'OVERRIDE'"
    linear = (b"SC", b"r", b"im_format", b"linear_colorspace_settings", b"name")
    scene = with_text(make_scene(tmp_path / "shot.blend", also=also), *linear, text="Linear - AWG4")
    resolved(scene)
    said = refusal(scene, format="OPEN_EXR", output="frames")
    assert "the colour space 'Linear - AWG4' of the OpenEXR output of scene 'Scene'" in said
    followed = with_text(make_scene(tmp_path / "followed.blend"), *linear, text="Linear - AWG4")
    resolved(followed, format="OPEN_EXR", output="frames")


def test_the_names_are_those_of_the_installed_blender() -> None:
    """For a Blender with other names, run `python tools/colour_names.py`."""
    code = "import json, os; from tools.colour_names import offered; "
    code += "print('\\n' + json.dumps(offered()), flush=True); os._exit(0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    names = json.loads((ROOT / "src/frameloom/model/colour_names.json").read_text())
    version = importlib.metadata.version("bpy").split(".")
    assert json.loads(done.stdout.splitlines()[-1]) == names[".".join(version[:2])]
