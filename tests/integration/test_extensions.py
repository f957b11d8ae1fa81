"""Add-ons of jobs, with a real Blender."""

from pathlib import Path

import pytest
from PIL import Image

from frameloom.model.errors import InvalidRequest
from frameloom.model.settings import RenderSettings
from tests.extensions import CODE, USES_ENGINE, write_extension
from tests.scenes import make_scene
from worker.blender import Blender


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_scene(tmp_path_factory.mktemp("engine") / "shot.blend", size=(16, 9), also=USES_ENGINE)


def test_an_engine_of_an_add_on_renders_and_is_gone_with_its_process(
    blender: Blender, scene: Path, tmp_path: Path
) -> None:
    write_extension(tmp_path / "flat_engine-1.0.0.zip")
    settings = RenderSettings(trust_scripts=True, addons=("flat_engine-1.0.0.zip",))
    blender.open(scene, settings, name="shot.blend", root=tmp_path)
    blender.render(1, tmp_path / "1.png")
    with Image.open(tmp_path / "1.png") as image:
        colour = image.convert("RGB").getpixel((0, 0))
    # 0.9, 0.2 and 0.3 in the display's space.
    assert colour == pytest.approx((243, 124, 149), abs=1)
    with pytest.raises(InvalidRequest, match="engine 'FLAT_ENGINE', which the worker's Blender lacks"):
        blender.open(scene, RenderSettings(trust_scripts=True), name="shot.blend", root=tmp_path)


@pytest.mark.parametrize("code", [CODE.replace("def register", "def other"), "raise ValueError('broken')"])
def test_an_add_on_that_cannot_be_enabled_is_refused(blender: Blender, scene: Path, tmp_path: Path, code: str) -> None:
    write_extension(tmp_path / "flat.zip", code=code)
    with pytest.raises(InvalidRequest, match=r"^addons: Blender cannot (?:enable|install) 'flat\.zip'"):
        blender.open(scene, RenderSettings(trust_scripts=True, addons=("flat.zip",)), name="shot.blend", root=tmp_path)
