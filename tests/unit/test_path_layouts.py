"""The same layout of files gets the same verdict from the check, from the upload and from PrepareJob."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from frameloom.client.connect import Target
from frameloom.client.job_request import disk_folder, place_of
from frameloom.client.prepared_job import prepare_job
from frameloom.client.scene_check import check_scene
from frameloom.model.errors import FarmError
from frameloom.services.scene.upload_assets import upload_assets
from tests.jobs import BUCKETS
from tests.scenes import make_scene
from tests.unit.preparation import BLENDER, Farm

# Blender makes absolute paths relative when it saves a file for the first time.
SAVED = "bpy.ops.wm.save_as_mainfile(filepath=path)\n"
PNG = b"\x89PNG\r\n\x1a\n"
PATHS = """
strip = scene.sequence_editor_create().strips.new_image('strip', '//plates/a.png', 1, 1)
strip.directory = {folder!r}
"""


class Layout(NamedTuple):
    """The path of the scene's image, other files on the disk, the error or None, and the assets."""

    image: str
    files: Mapping[str, bytes]
    error: str | None
    assets: tuple[str, ...] = ()
    folder: str | None = None


SECRET = b"-----BEGIN OPENSSH " + b"PRIVATE KEY-----"
LAYOUTS = {
    "beside": Layout("//wood.png", {"film/wood.png": b"any"}, None, ("film/wood.png",)),
    "above": Layout("//../tex/wood.png", {"tex/wood.png": PNG}, None, ("tex/wood.png",)),
    "above the disk": Layout("//" + "../" * 40 + "wood.png", {}, "MissingAssets"),
    "absolute": Layout("{disk}/mnt/wood.png", {"mnt/wood.png": PNG}, None, ("mnt/wood.png",)),
    "absolute, in the scene's folder": Layout("{disk}/film/a.png", {"film/a.png": b"any"}, None, ("film/a.png",)),
    "absolute, missing": Layout("{disk}/mnt/wood.png", {}, "MissingAssets"),
    "a drive that does not exist": Layout("C:\\tex\\wood.png", {}, "MissingAssets"),
    "backslashes": Layout("//..\\tex\\wood.png", {"tex/wood.png": PNG}, None, ("tex/wood.png",)),
    "missing": Layout("//wood.png", {}, "MissingAssets"),
    "private key by an absolute path": Layout("{disk}/.ssh/id", {".ssh/id": SECRET}, "InvalidRequest"),
    "private key by a relative path": Layout("//../.ssh/id", {".ssh/id": SECRET}, "InvalidRequest"),
    "hidden text": Layout("{disk}/.aws/keys.txt", {".aws/keys.txt": b"aws"}, "InvalidRequest"),
    "link to a private key": Layout("//a.png", {".ssh/id": SECRET, "film/a.png": b"link:../.ssh/id"}, "InvalidRequest"),
    "the scene's own folder": Layout(
        "//wood.png",
        {
            **dict.fromkeys(("film/wood.png", "film/a.png"), PNG),
            **dict.fromkeys(("film/other.blend", "film/film.mp4", "film/out/0001.png"), PNG),
        },
        None,
        ("film/a.png", "film/wood.png"),
        folder="//",
    ),
    "an absolute folder": Layout(
        "//wood.png",
        {"film/wood.png": PNG, "mnt/a.png": PNG, "mnt/b.png": PNG},
        None,
        ("film/wood.png", "mnt/a.png"),
        folder="{disk}/mnt",
    ),
}  # fmt: skip


class _Target:
    """A farm of which only its version matters."""

    chunks_at_once = None

    def blenders(self) -> list[str]:
        return [BLENDER]

    def device(self) -> str:
        return "CPU"


def laid_out(disk: Path, layout: Layout) -> Path:
    also = f"{SAVED}bpy.data.images[0].filepath = {layout.image.format(disk=disk)!r}\n"
    if layout.folder is not None:
        also += PATHS.format(folder=layout.folder.format(disk=disk))
    (disk / "film").mkdir()
    scene = make_scene(disk / "film/shot.blend", missing_image="//image", also=also)
    for name, data in layout.files.items():
        path = disk / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if data.startswith(b"link:"):
            path.symlink_to(data.removeprefix(b"link:").decode())
        else:
            path.write_bytes(data)
    return scene


def rendered(scene: Path, farm: Farm, fields: Mapping[str, Any]) -> tuple[str | None, set[str]]:
    """Return the error of an upload and of PrepareJob, None for none, and the keys of the assets."""
    try:
        job = prepare_job(scene, fields, out=None, target=cast("Target", _Target()))
        upload_assets(job.assets, store=farm.store, bucket=BUCKETS.scenes, progress=lambda *_: None)
        farm.store.put(BUCKETS.scenes, job.request.file, scene.read_bytes())
        farm.prepare(job.request.to_json())
    except FarmError as error:
        return type(error).__name__, set()
    return None, set(job.assets)


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_check_the_upload_and_prepare_job_agree(name: str, tmp_path: Path) -> None:
    layout, disk = LAYOUTS[name], tmp_path.resolve()
    scene = laid_out(disk, layout)
    check = check_scene(scene)
    assert (None if check.refusal is None else type(check.refusal).__name__) == layout.error
    farm = Farm(b"")
    error, keys = rendered(scene, farm, {"trust_scripts": False})
    assert error == layout.error
    if error is None:
        here = place_of(scene).removesuffix("film/shot.blend")
        assert keys == {here + asset for asset in layout.assets}
        assert {os.path.normpath(scene.parent / path) for path in check.assets} == {
            str(disk / asset) for asset in layout.assets
        }
    else:
        # PrepareJob itself refuses the scene in the bucket.
        farm.store.put(BUCKETS.scenes, place_of(scene), scene.read_bytes())
        with pytest.raises(FarmError):
            farm.prepare({"file": place_of(scene), "absolute_root": disk_folder()})


def test_equal_files_at_equal_absolute_paths_have_one_render_key_on_all_machines(tmp_path: Path) -> None:
    scene = laid_out(tmp_path, LAYOUTS["absolute"])
    prefixes = set()
    for machine in ("ann-1", "bob-2"):
        farm = Farm(b"")
        assert rendered(scene, farm, {"file": "film/shot.blend", "absolute_root": machine}) == (
            None, {f"{machine}{tmp_path}/mnt/wood.png"},
        )  # fmt: skip
        prefixes.add(farm.job().outputs.prefix)
    assert len(prefixes) == 1


def test_a_trusted_scene_may_name_any_file(tmp_path: Path) -> None:
    scene = laid_out(tmp_path, LAYOUTS["private key by an absolute path"])
    assert rendered(scene, Farm(b""), {"trust_scripts": True})[0] is None


def test_an_absolute_library_is_fetched_with_its_own_files(tmp_path: Path) -> None:
    (tmp_path / "mnt/textures").mkdir(parents=True)
    library = make_scene(tmp_path / "mnt/set.blend", missing_image="//textures/wood.png")
    (tmp_path / "mnt/textures/wood.png").write_bytes(PNG)
    (tmp_path / "film").mkdir()
    scene = make_scene(
        tmp_path / "film/shot.blend",
        camera=False,
        library=library,
        also=f"{SAVED}bpy.data.libraries[0].filepath = {str(library)!r}",
    )
    check = check_scene(scene)
    assert (check.refusal, set(check.assets)) == (None, {"../mnt/set.blend", "../mnt/textures/wood.png"})
    error, keys = rendered(scene, Farm(b""), {"file": "shot.blend"})
    assert error is None
    assert {key.rpartition("/mnt/")[2] for key in keys} == {"set.blend", "textures/wood.png"}
