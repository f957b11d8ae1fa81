"""Extensions of jobs: validated, uploaded, part of the render key, and only for trusted jobs."""

import io
import zipfile
from pathlib import Path

import pytest

from frameloom.model.errors import InvalidRequest
from frameloom.model.notices import NoticeKind
from frameloom.services.scene.extension_zip import read_extension
from tests.extensions import CODE, MANIFEST, USES_ENGINE, write_extension
from tests.jobs import BUCKETS
from tests.scenes import make_scene
from tests.unit.memory_farm import MemoryFarm, Terminal, make_png
from tests.unit.preparation import KEY, Farm

ZIP = "studio/flat_engine-1.0.0.zip"
REQUEST = {"file": KEY, "addons": [ZIP], "trust_scripts": True}


def packed(manifest: str = MANIFEST, code: str = CODE) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("flat/blender_manifest.toml", manifest)
        archive.writestr("flat/__init__.py", code)
    return data.getvalue()


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A scene with the engine of an extension."""
    return make_scene(tmp_path / "shot.blend", also=USES_ENGINE)


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        ("id = ", "has a damaged blender_manifest.toml"),
        (MANIFEST.replace('id = "flat_engine"', 'id = "../flat"'), "has no valid id"),
        (MANIFEST.replace('"4.2.0"', '"soon"'), "has no valid id, version and blender_version_min"),
        (MANIFEST.replace('"add-on"', '"theme"'), "is of the type 'theme', not an add-on"),
        (MANIFEST + 'platforms = ["windows-x64"]', "is for windows-x64; workers run Linux"),
        (MANIFEST + "platforms = 5", "has no valid platforms"),
        (MANIFEST + "blender_version_max = 5", "has no valid blender_version_max"),
    ],
)
def test_an_archive_that_is_no_extension_for_workers_is_refused(tmp_path: Path, manifest: str, problem: str) -> None:
    path = write_extension(tmp_path / "flat.zip", manifest=manifest)
    with pytest.raises(InvalidRequest, match=f"^addons: 'flat.zip' {problem}"):
        read_extension(path, key="studio/flat.zip")


def test_an_add_on_of_the_older_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("old/__init__.py", "bl_info = {}")
    with pytest.raises(InvalidRequest, match=r"'old\.zip' is no Blender extension: it has no blender_manifest\.toml"):
        read_extension(path, key="old.zip")
    path.write_text("no archive")
    with pytest.raises(InvalidRequest, match=r"'old\.zip' is not a readable \.zip archive"):
        read_extension(path, key="old.zip")


def test_an_extension_must_fit_the_blender_that_renders(scene: Path) -> None:
    farm = Farm(scene.read_bytes())
    for manifest, problem in (
        (MANIFEST.replace("4.2.0", "5.0.0"), r"needs Blender 5\.0\.0 or newer, and the job renders with 4\.5\.15"),
        (MANIFEST + 'blender_version_max = "4.5.0"', r"supports Blender before 4\.5\.0"),
    ):
        farm.store.put(BUCKETS.scenes, ZIP, packed(manifest))
        with pytest.raises(InvalidRequest, match=problem):
            farm.prepare(REQUEST)


def test_an_extension_makes_its_engine_known_and_is_part_of_the_render_key(scene: Path) -> None:
    farm = Farm(scene.read_bytes())
    with pytest.raises(InvalidRequest, match=r"'FLAT_ENGINE'.*give the add-on that brings it with `addons`"):
        farm.prepare({"file": KEY})
    with pytest.raises(InvalidRequest, match=r"^addons: 'flat_engine-1\.0\.0\.zip' is not in bucket 'scenes'"):
        farm.prepare(REQUEST)
    farm.store.put(BUCKETS.scenes, ZIP, packed())
    first = farm.prepare(REQUEST)
    assert first["settings"]["addons"] == [ZIP]
    assert farm.prepare(REQUEST)["output"] == first["output"]
    farm.store.put(BUCKETS.scenes, ZIP, packed(code=CODE + "# edited"))
    assert farm.prepare(REQUEST)["output"] != first["output"]


@pytest.mark.parametrize("trust", [None, False])
def test_only_a_trusted_job_runs_extensions(scene: Path, *, trust: bool | None) -> None:
    with pytest.raises(InvalidRequest, match=r"^addons: runs code on the workers: the job needs `trust_scripts` too"):
        Farm(scene.read_bytes()).prepare({**REQUEST, "trust_scripts": trust})


@pytest.mark.parametrize("key", ["flat.py", "../flat.zip", "/flat.zip"])
def test_a_key_that_is_no_archive_is_refused(scene: Path, key: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^addons"):
        Farm(scene.read_bytes()).prepare({**REQUEST, "addons": [key]})


def test_the_option_uploads_extensions(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_extension(tmp_path / "flat_engine-1.0.0.zip")
    monkeypatch.chdir(scene.parent)
    terminal = Terminal(capsys, monkeypatch, MemoryFarm(image=make_png(), stays=True))
    refused = terminal.run("render", "shot.blend", "--addon", "flat_engine-1.0.0.zip")
    assert (refused.code, "--addon: runs code on the workers: the job needs `--trust-scripts`" in refused.err) == (
        2,
        True,
    )
    missing = terminal.run("render", "shot.blend", "--addon", "none.zip", "--trust-scripts")
    assert (missing.code, "--addon: there is no file 'none.zip'" in missing.err) == (2, True)
    ran = terminal.run("render", "shot.blend", "--addon", "flat_engine-1.0.0.zip", "--trust-scripts")
    assert ran.code == 0
    (key,) = terminal.farm.job().settings.addons or ()
    assert terminal.farm.store.get(BUCKETS.scenes, key) == (tmp_path / "flat_engine-1.0.0.zip").read_bytes()


TREE = (
    "class Tree(bpy.types.NodeTree):\n    bl_idname, bl_label, bl_icon = 'OtherTree', 'Other', 'NODETREE'\n"
    "bpy.utils.register_class(Tree)\nbpy.data.node_groups.new('generator', 'OtherTree').use_fake_user = True\n"
)


def test_node_groups_of_an_add_on_are_announced(tmp_path: Path) -> None:
    farm = Farm(make_scene(tmp_path / "shot.blend", also=TREE).read_bytes())
    farm.prepare({"file": KEY})
    (notice,) = farm.job().notices or ()
    assert (notice.kind, notice.items) == (NoticeKind.ADDONS, ("OtherTree",))
    farm.store.put(BUCKETS.scenes, ZIP, packed())
    farm.prepare(REQUEST)
    assert farm.job().notices is None


def test_two_extensions_with_one_id_are_refused(scene: Path) -> None:
    farm = Farm(scene.read_bytes())
    for name in (ZIP, "studio/other.zip"):
        farm.store.put(BUCKETS.scenes, name, packed())
    with pytest.raises(InvalidRequest, match=rf"'other\.zip' has the same id as '{ZIP}', 'flat_engine': name one"):
        farm.prepare({**REQUEST, "addons": [ZIP, "studio/other.zip"]})
