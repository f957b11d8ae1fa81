"""Libraries that are packed into a scene, with their own files outside it."""

from pathlib import Path

import pytest

from frameloom.model.errors import MissingAssets, SceneUnreadable
from frameloom.services.scene import reader
from frameloom.services.scene.reader import read_scene
from tests.jobs import BUCKETS
from tests.scenes import make_scene
from tests.unit.preparation import KEY, Farm

PACK = """
bpy.ops.wm.save_as_mainfile(filepath=path)
library = bpy.data.libraries[0]
library.filepath = bpy.path.relpath(library.filepath)
bpy.ops.file.pack_libraries()
library.filepath = "//sets/set.blend"
"""


@pytest.fixture(params=[False, True], ids=["plain", "compressed"])
def packed(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A scene with a packed library, whose texture is sets/textures/wood.png and whose driver needs trust."""
    library = make_scene(
        tmp_path / "set.blend", missing_image="//textures/wood.png", driver="bpy.app.version[0]", compress=request.param
    )
    return make_scene(tmp_path / "shot.blend", camera=False, library=library, also=PACK, compress=request.param)


def test_the_files_of_a_packed_library_are_assets_and_its_scripts_need_trust(packed: Path) -> None:
    farm = Farm(packed.read_bytes())
    with pytest.raises(MissingAssets, match=r"//textures/wood\.png \(of //sets/set\.blend\)"):
        farm.prepare({"file": KEY, "trust_scripts": False})
    farm.store.put(BUCKETS.scenes, "film/sets/textures/wood.png", b"wood")
    farm.prepare({"file": KEY, "trust_scripts": False})
    with pytest.raises(Exception, match=r"driver of object 'Cube', location\[2\].*of //sets/set\.blend"):
        farm.prepare({"file": KEY})


def test_libraries_that_are_packed_too_deep_into_each_other_are_refused(
    packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_DEEPEST", 0)
    with pytest.raises(SceneUnreadable, match="are packed into it, or more than 0 into each other"):
        read_scene(packed)


def test_too_many_packed_libraries_in_all_are_refused(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_MOST_PACKED", 0)
    with pytest.raises(SceneUnreadable, match="more than 0 libraries are packed into it"):
        read_scene(packed)
