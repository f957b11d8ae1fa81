"""The metadata that Blender burns into frames, with a real Blender."""

import shutil
from pathlib import Path

from PIL import Image

from frameloom.model.settings import RenderSettings
from tests.scenes import make_scene
from worker.blender import Blender

ALL = "for each in dir(scene.render): each.startswith('use_stamp') and setattr(scene.render, each, True)\n"
SIZE = "scene.render.stamp_font_size = 10\nscene.render.stamp_note_text = 'first take'\n"
# The parts that each machine fills in differently are off.
REFERENCE = (
    ALL + SIZE + "for each in ('date', 'render_time', 'memory', 'hostname', 'filename'):\n"
    "    setattr(scene.render, 'use_stamp_' + each, False)\n"
    "scene.render.stamp_note_text = 'File shot.blend\\nfirst take'\n"
)


def render(blender: Blender, scene: Path, name: str) -> bytes:
    frame = scene.with_suffix(".png")
    blender.open(scene, RenderSettings(), name=name)
    blender.render(1, frame)
    with Image.open(frame) as image:
        return image.tobytes()


def test_workers_burn_the_same_metadata_with_the_name_of_the_artists_file(blender: Blender, tmp_path: Path) -> None:
    first = make_scene(tmp_path / "scene.blend", size=(320, 120), also=ALL + SIZE)
    second = tmp_path / "another folder" / "shot.blend"
    second.parent.mkdir()
    shutil.copy(first, second)
    reference = make_scene(tmp_path / "reference.blend", size=(320, 120), also=REFERENCE)
    frames = [
        render(blender, first, "film/shot.blend"),
        render(blender, second, "shot.blend"),
        render(blender, reference, "any.blend"),
    ]
    assert frames[0] == frames[1] == frames[2]
