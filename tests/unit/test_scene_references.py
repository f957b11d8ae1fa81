"""The references of .blend files to other files."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from frameloom.model.assets import Reference
from frameloom.services.scene.find_assets import find_assets
from frameloom.services.scene.reader import read_references, read_scene
from frameloom.testing import MemoryStore
from tests.scenes import make_scene
from tests.unit.blends import PACKERS, as_blender_5_writes, read


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_scene(tmp_path_factory.mktemp("scene") / "shot.blend", outside=True)


def test_each_kind_of_file_is_referred_to_once_and_generated_data_never(scene: Path) -> None:
    assert set(read_scene(scene).references) == {
        Reference(path="//textures/wood.png"),
        Reference(path="//textures/film.mp4"),
        Reference(path="//plates/plate_0001.png", kind="sequence"),
        Reference(path="//textures/skin.<UDIM>.png", kind="tiles"),
        Reference(path="//caches/smoke_0001.vdb", kind="sequence"),
    }
    assert len(read_scene(scene).references) == 5


def test_a_self_contained_scene_has_no_references(tmp_path: Path) -> None:
    assert read_scene(make_scene(tmp_path / "shot.blend")).references == ()


def test_packed_data_needs_no_file(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "wood.png")
    scene = make_scene(tmp_path / "shot.blend", packed_image=tmp_path / "wood.png")
    assert read_scene(scene).references == ()


STEREO = """
import os
bpy.ops.wm.save_as_mainfile(filepath=path)
for side in "LR":
    bpy.data.images.new(side, 8, 8).save(filepath=os.path.join(os.path.dirname(path), f"wood_{side}.png"))
image = bpy.data.images.load(os.path.join(os.path.dirname(path), "wood_L.png"))
image.filepath = "//wood_L.png"
scene.render.use_multiview = image.use_multiview = image.use_fake_user = True
# Blender finds the views when it loads the image.
len(image.pixels)
image.views_format = "INDIVIDUAL"
"""


def test_a_stereo_image_has_an_unguarded_reference_for_each_view(tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "shot.blend", also=STEREO)
    views = [Reference(path=f"//wood_{side}.png", unguarded=True) for side in "LR"]
    assert read_references(scene) == (Reference(path="//wood_L.png"), *views)
    outside = Reference(path="/host/wood_R.png", unguarded=True)
    found = find_assets(MemoryStore(), "scenes", "shot.blend", [*views, outside])
    assert (len(found.missing), found.outside) == (3, ("/host/wood_R.png",))


def test_a_library_is_marked_as_library(tmp_path: Path) -> None:
    library = make_scene(tmp_path / "set.blend")
    scene = make_scene(tmp_path / "shot.blend", camera=False, library=library, library_path="//sets/set.blend")
    assert read_scene(scene).references == (Reference(path="//sets/set.blend", library=True),)


@pytest.mark.parametrize("packing", PACKERS)
def test_a_compressed_scene_and_one_of_blender_5_have_the_same_references(scene: Path, packing: str) -> None:
    pack, plain = PACKERS[packing], read(scene.read_bytes())
    assert read(pack(scene.read_bytes())) == plain
    assert read(pack(as_blender_5_writes(scene.read_bytes()))) == replace(plain, blender_version=(5, 0))


def test_the_references_of_a_library_without_a_scene_are_read(scene: Path, tmp_path: Path) -> None:
    library = tmp_path / "library.blend"
    library.write_bytes(scene.read_bytes().replace(b"SC\0\0", b"XX\0\0"))
    assert read_references(library) == read_scene(scene).references
