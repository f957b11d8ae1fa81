"""Files from others: none uploads private files, crashes a reader or uses up its memory."""

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from frameloom.client.colour_config import local_config
from frameloom.model.assets import Reference
from frameloom.model.errors import FarmError, InvalidRequest, MissingAssets
from frameloom.model.job import OutputRef
from frameloom.model.views import MAX_VIEWS, View, Views
from frameloom.services.scene import relink as relinking
from frameloom.services.scene import unseen_files
from frameloom.services.scene.blend_format import BadBlendError
from frameloom.services.scene.extension_zip import read_extension
from frameloom.services.scene.ocio_config import read_config
from frameloom.services.scene.reader import read_scene
from frameloom.services.scene.relink import relink
from frameloom.services.scene.upload_assets import LocalAssets, local_assets
from tests.scenes import make_scene
from tests.unit.preparation import KEY, Farm

# An image that only a node without links uses.
HIDDEN = """
image = bpy.data.images.new("lost", 8, 8)
image.source, image.filepath = "FILE", "//lost.png"
material = bpy.data.materials.new("painted")
material.use_nodes = True
material.node_tree.nodes.new("ShaderNodeTexImage").image = image
bpy.data.objects["Cube"].data.materials.append(material)
"""
KEY_FILE = b"-----BEGIN OPENSSH " + b"PRIVATE KEY-----"


def search(scene: Path, *references: Reference) -> LocalAssets:
    key = f"artist{scene}"
    return local_assets(scene, key, references, root="artist", guarded=True)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("keys.reg", b"\xff\xfeW\0i\0n\0"),
        ("salaries.xlsx", b"PK\x03\x04"),
        ("backup.sql.gz", b"\x1f\x8b\x08"),
        ("logins.db", b"SQLite format 3\0"),
    ],
)
def test_documents_and_backups_outside_the_scenes_folder_are_withheld(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    found = search(tmp_path / "film/shot.blend", Reference(path=f"{tmp_path}/{name}"))
    assert (found.files, list(found.disk.withheld)) == ({}, [tmp_path / name])


@pytest.mark.parametrize("name", ["mesh.bobj.gz", "set.usdz", "old.blend"])
def test_compressed_files_of_scenes_are_uploaded(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04" if name.endswith("usdz") else b"\x1f\x8b\x08")
    found = search(tmp_path / "film/shot.blend", Reference(path=f"{tmp_path}/{name}"))
    assert list(found.files.values()) == [tmp_path / name]


def test_a_hidden_file_in_the_scenes_folder_is_withheld(tmp_path: Path) -> None:
    """A scene that was saved to the home folder has private keys beside it."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/id_rsa").write_bytes(KEY_FILE)
    found = search(tmp_path / "shot.blend", Reference(path="//.ssh/id_rsa"))
    assert (found.files, list(found.disk.withheld)) == ({}, [tmp_path / ".ssh/id_rsa"])


def test_a_home_folder_is_no_folder_of_a_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "passwords").write_text("secret")
    scene = tmp_path / "shot.blend"
    assert list(search(scene, Reference(path="//passwords")).files.values()) == [tmp_path / "passwords"]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert search(scene, Reference(path="//passwords")).files == {}


def test_a_sequence_in_a_foreign_folder_withholds_only_files_of_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "private").write_bytes(KEY_FILE)
    (tmp_path / "0001.png").write_bytes(b"\x89PNG\r\n")
    found = search(tmp_path / "film/shot.blend", Reference(path="//../0001.png", kind="sequence"))
    assert list(found.files.values()) == [tmp_path / "0001.png"]
    assert found.disk.withheld == {}


def test_a_linked_table_of_a_colour_configuration_uploads_no_private_file(tmp_path: Path) -> None:
    (tmp_path / "id_rsa").write_bytes(KEY_FILE)
    (tmp_path / "ocio").mkdir()
    (tmp_path / "ocio/a.cube").symlink_to(tmp_path / "id_rsa")
    config = tmp_path / "ocio/config.ocio"
    config.write_text("ocio_profile_version: 2\nlooks: !<FileTransform> {src: a.cube}\n")
    with pytest.raises(InvalidRequest, match="which is no colour transform"):
        local_config(str(config))


START = "ocio_profile_version: 2\n"
MANY = "[" + ",".join(f"{{name: v{number}}}" for number in range(200)) + "]"
PLACES = ", ".join(f"f{number}" for number in range(200))
SOURCES = ", ".join(f"!<FileTransform> {{src: l{number}}}" for number in range(200))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        # A parser that recurses crashes.
        (START + "a: " + "[" * 200_000, "it nests more than 100 levels"),
        (START + "a:\n  " + "- " * 200_000, "it nests more than 100 levels"),
        (START + f"v: &v {MANY}\ndisplays:\n" + "".join(f"  d{n}: *v\n" for n in range(200)), "more than 10,000 views"),
        (START + "looks: [" + ",".join(f"{{name: v{n}}}" for n in range(1001)) + "]", "more than 1,000 looks"),
        (START + f"search_path: [{PLACES}]\na: [{SOURCES}]", "looks for its files in more than 20,000 places"),
        (
            START + "environment: {A: $B, B: /etc}\nsearch_path: $A\na: !<FileTransform> {src: x.cube}",
            "its variable A uses another variable",
        ),
    ],
)
def test_a_colour_configuration_that_uses_up_a_readers_resources_is_refused(
    tmp_path: Path, text: str, problem: str
) -> None:
    path = tmp_path / "config.ocio"
    path.write_text(text)
    with pytest.raises(InvalidRequest, match=problem):
        read_config(path, key="studio/config.ocio")


def damaged_zip(member: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, "text " * 1000)
    raw = bytearray(data.getvalue())
    raw[30 + len(member) : 34 + len(member)] = b"\xff" * 4
    return bytes(raw)


def test_an_archive_with_damaged_data_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(damaged_zip("config.ocio"))
    with pytest.raises(InvalidRequest, match=r"no readable \.ocioz archive"):
        read_config(path, key="studio/a.ocioz")
    path.write_bytes(damaged_zip("blender_manifest.toml"))
    with pytest.raises(InvalidRequest, match=r"not a readable \.zip archive"):
        read_extension(path, key="studio/a.zip")


VIEWS = f"""
scene.render.use_multiview, scene.render.views_format = True, "MULTIVIEW"
for number in range({MAX_VIEWS}):
    scene.render.views.new(f"v{{number}}").file_suffix = f"_{{number}}"
"""


def test_a_scene_with_more_views_than_a_message_holds_is_refused(tmp_path: Path) -> None:
    farm = Farm(make_scene(tmp_path / "views.blend", also=VIEWS).read_bytes())
    with pytest.raises(InvalidRequest, match=rf"renders {MAX_VIEWS + 2} views; this farm's limit is {MAX_VIEWS}"):
        farm.prepare({"file": KEY})


def test_equal_suffixes_are_found_among_many_views() -> None:
    views = [View(name=f"v{number}", suffix=f"_{number}") for number in range(50_000)]
    last = View(name="last", suffix="_7")
    assert Views(rendered=(*views, last)).alike() == (views[7], last)


def test_a_manifest_names_no_frame_outside_its_folder() -> None:
    with pytest.raises((FarmError, ValueError), match="endings"):
        OutputRef.model_validate({"bucket": "frames", "prefix": "shot/1/", "endings": ["/../../x.png"]})


def test_a_bomb_among_libraries_does_not_fill_the_workers_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = make_scene(tmp_path / "set.blend")
    plain = make_scene(tmp_path / "shot.blend", camera=False, library=library).read_bytes()
    bomb = tmp_path / "bomb.blend"
    # The bytes after the last block are no part of a scene.
    bomb.write_bytes(gzip.compress(plain + bytes(2**20)))
    monkeypatch.setattr(relinking, "_LIMIT", len(plain) + 1000)
    with pytest.raises(BadBlendError, match="decompresses to more than"):
        relink(bomb, {read_scene(bomb).references[0].path: "//sets/set.blend"})


@pytest.mark.parametrize("limit", ["_MOST_BLOCKS", "_MOST_LINKED", "_MOST_MISSING"])
def test_a_scene_too_large_to_search_for_hidden_images_needs_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    scene = make_scene(tmp_path / "shot.blend", also=HIDDEN)
    farm = Farm(scene.read_bytes())
    farm.prepare({"file": KEY})
    monkeypatch.setattr(unseen_files, limit, 0)
    with pytest.raises(MissingAssets, match=r"//lost\.png"):
        farm.prepare({"file": KEY})
