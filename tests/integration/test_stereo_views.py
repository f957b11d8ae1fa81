"""Views of stereo scenes in the worker's Blender."""

from pathlib import Path

import pytest

from frameloom.model.errors import RenderCrashed
from frameloom.model.settings import RenderSettings
from tests.scenes import make_scene
from worker.blender import Blender

VIEWS = "scene.render.use_multiview = True"
SCRIPT = """
import bpy
def off(scene):
    scene.render.views["right"].use = False
bpy.app.handlers.frame_change_pre.append(off)
"""


def test_a_script_that_changes_the_views_fails_the_frame(blender: Blender, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "stereo.blend", size=(16, 10), also=VIEWS, script=SCRIPT)
    blender.open(scene, RenderSettings(trust_scripts=True), name="stereo.blend")
    with pytest.raises(RenderCrashed, match="1 files, not 2: a script of the scene has changed its views"):
        blender.render(1, tmp_path / "1_L.png", tmp_path / "1_R.png")


def test_a_suffix_with_a_slash_makes_no_folder_in_a_trusted_scene(blender: Blender, tmp_path: Path) -> None:
    slash = f'{VIEWS}\nscene.render.views["left"].file_suffix = "/../x"'
    scene = make_scene(tmp_path / "stereo.blend", size=(16, 10), also=slash)
    blender.open(scene, RenderSettings(trust_scripts=True), name="stereo.blend")
    pictures = [tmp_path / "1_L.png", tmp_path / "1_R.png"]
    blender.render(1, *pictures)
    assert all(picture.stat().st_size for picture in pictures)
