"""Colour configurations of jobs, with a real Blender."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from frameloom.model.errors import InvalidRequest
from frameloom.model.settings import RenderSettings
from tests.ocio_configs import CONFIG, NAMES, write_archive, write_config
from tests.scenes import make_scene
from tests.unit.blends import with_text
from worker.blender import Blender

# What an artist's Blender shows with the configuration.
PLAIN = """
import bpy, os, sys
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
bpy.context.scene.frame_set(1)
bpy.context.scene.render.filepath = sys.argv[2]
bpy.ops.render.render(write_still=True)
os._exit(0)
"""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scene = make_scene(tmp_path_factory.mktemp("colours") / "shot.blend", size=(16, 9))
    for field, name in NAMES.items():
        scene = with_text(scene, *field, text=name)
    return scene


def pixels(path: Path) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


def render(blender: Blender, scene: Path, config: str | None, root: Path) -> bytes:
    blender.open(scene, RenderSettings(ocio=config), name="shot.blend", root=root)
    path = root / "frame.png"
    blender.render(1, path)
    return pixels(path)


def test_a_frame_has_the_colours_of_the_jobs_configuration(blender: Blender, scene: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path / "studio" / "ocio")
    write_archive(tmp_path / "packed.ocioz")
    # The worker has started Blender before it knew the job.
    blender.start()
    first = render(blender, scene, "studio/ocio/config.ocio", tmp_path)
    assert render(blender, scene, "packed.ocioz", tmp_path) == first
    plain = tmp_path / "plain.png"
    environment = os.environ | {"OCIO": str(config)}
    subprocess.run([sys.executable, "-c", PLAIN, str(scene), str(plain)], env=environment, check=True)
    assert first == pixels(plain)
    # Without the configuration, Blender lacks the names.
    with pytest.raises(InvalidRequest, match="colour configuration lacks a name"):
        render(blender, scene, None, tmp_path)


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (("ocio_profile_version: 2\nroles: [", ""), "Blender cannot read this configuration: .*yaml"),
        ((CONFIG, "no table"), "OpenColorIO cannot convert colours with this configuration: .*screen.spi1d"),
    ],
    ids=["the configuration", "a file of it"],
)
def test_a_damaged_configuration_never_gives_a_frame_in_other_colours(
    blender: Blender, scene: Path, tmp_path: Path, files: tuple[str, str], problem: str
) -> None:
    write_config(tmp_path, config=files[0], table=files[1])
    with pytest.raises(InvalidRequest, match=f"^ocio: {problem}"):
        render(blender, scene, "config.ocio", tmp_path)
    assert not (tmp_path / "frame.png").exists()
