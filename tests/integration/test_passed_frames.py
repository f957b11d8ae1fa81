"""Frames through which Blender takes simulations without rendering them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from frameloom.model.settings import RenderSettings
from tests.e2e.test_simulations import PARTICLES
from tests.scenes import make_scene
from worker.blender import Blender

# A border that leaves no pixel of a tiny image, and a scene whose own range is another one.
CROPPED = """
scene.render.use_border = scene.render.use_crop_to_border = True
scene.render.border_min_x, scene.render.border_max_x = 0.1, 0.9
scene.render.border_min_y, scene.render.border_max_y = 0.1, 0.9
"""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_scene(tmp_path_factory.mktemp("dust") / "shot.blend", frames=(1, 6), also=PARTICLES + CROPPED)


@pytest.fixture
def blender(tmp_path: Path) -> Iterator[Blender]:
    blender = Blender(scratch=tmp_path)
    yield blender
    blender.close()


def pixels(blender: Blender, folder: Path, frame: int) -> bytes:
    return Image.open(blender.render(frame, folder / f"{frame}.png").files[0].path).tobytes()


def test_a_frame_after_passed_ones_has_the_pixels_of_a_whole_render(
    blender: Blender, scene: Path, tmp_path: Path
) -> None:
    blender.open(scene, RenderSettings(), name="shot")
    run = range(1, 7)
    whole = [blender.render(frame, tmp_path / f"whole{frame}.png", run=run) for frame in run]
    blender.close()
    blender.open(scene, RenderSettings(), name="shot")
    blender.pass_through(range(1, 4))
    assert pixels(blender, tmp_path, 4) == Image.open(whole[3].files[0].path).tobytes()
    blender.pass_through(range(5, 6))
    rendered = blender.render(6, tmp_path / "6.png")
    assert Image.open(rendered.files[0].path).tobytes() == Image.open(whole[5].files[0].path).tobytes()
    assert rendered.files[0].problem is None
    blender.close()
    blender.open(scene, RenderSettings(), name="shot")
    assert pixels(blender, tmp_path, 6) != Image.open(whole[5].files[0].path).tobytes()
    # Blender's temporary folder has no image of a passed frame.
    assert not list((tmp_path / "tmp").rglob("*.png"))


def test_frames_below_0_are_passed_one_by_one(blender: Blender, scene: Path, tmp_path: Path) -> None:
    blender.open(scene, RenderSettings(), name="shot")
    for frame in (-2, -1):
        blender.pass_through(range(frame, frame + 1))
    assert blender.render(0, tmp_path / "0.png").files[0].problem is None
