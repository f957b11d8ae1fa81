"""Scenes that refer to files outside of themselves, through the whole farm."""

import io
import struct
import time
from pathlib import Path

import pytest
from PIL import Image

from frameloom.model.job_status import JobStatus
from frameloom.services.storage.ports import Execution
from tests.e2e.rig import Rig
from tests.import_scenes import COMPUTED, NESTED, letters
from tests.scenes import make_scene

WOOD, STONE = (40, 120, 200), (200, 40, 120)


def picture(path: Path, colour: tuple[int, int, int]) -> Path:
    """Write a texture of one colour."""
    Image.new("RGB", (8, 8), colour).save(path)
    return path


@pytest.fixture(scope="module")
def textured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene with a texture in its folder."""
    return make_scene(tmp_path_factory.mktemp("textured") / "shot.blend", missing_image="//textures/wood.png")


def render(rig: Rig, file: str, **fields: str) -> Execution:
    return rig.run(file=file, frames="1", output="frames", **fields)


def pixels(rig: Rig, execution: Execution) -> bytes:
    """Return the pixels of a job's only frame."""
    assert execution.status is JobStatus.SUCCEEDED, execution.cause
    [stored] = rig.store.list(rig.stack.buckets.frames, execution.output["output"]["key"])
    return image(rig.store.get(rig.stack.buckets.frames, stored.key) or b"").tobytes()


def image(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def test_a_texture_that_is_not_there_ends_the_job_by_name_before_a_worker_hears_of_it(rig: Rig, textured: Path) -> None:
    rig.upload_quietly(textured, "absent/shot.blend")
    began = time.monotonic()
    job_id = rig.start(file="absent/shot.blend", frames="1")
    execution = rig.end_of(job_id)
    assert (execution.status, execution.error) == (JobStatus.FAILED, "MissingAssets")
    assert "//textures/wood.png" in (execution.cause or "")
    assert time.monotonic() - began < 30
    assert rig.report(job_id)["summary"]["error"] == "MissingAssets"
    assert rig.log(job_id) == []


def test_a_texture_beside_its_scene_renders_as_if_it_were_packed_and_an_edited_one_anew(
    rig: Rig, textured: Path, tmp_path: Path
) -> None:
    wood, stone = picture(tmp_path / "wood.png", WOOD), picture(tmp_path / "stone.png", STONE)
    rig.upload_quietly(textured, "beside/shot.blend")
    rig.upload(wood, "beside/textures/wood.png")
    first = render(rig, "beside/shot.blend")
    rig.upload_quietly(make_scene(tmp_path / "packed.blend", packed_image=wood), "packed.blend")
    assert pixels(rig, first) == pixels(rig, render(rig, "packed.blend"))

    again = render(rig, "beside/shot.blend")
    assert again.output["frames"]["reused"] == 1

    rig.upload(stone, "beside/textures/wood.png")
    edited = render(rig, "beside/shot.blend")
    assert edited.output["frames"]["rendered"] == 1
    assert pixels(rig, edited) != pixels(rig, first)


def test_a_job_may_render_without_what_is_missing(rig: Rig, textured: Path, tmp_path: Path) -> None:
    rig.upload_quietly(textured, "without/shot.blend")
    without = render(rig, "without/shot.blend", missing_assets="render")
    red, green, blue = image_centre(pixels(rig, without))
    assert min(red, blue) > 4 * green, "Blender shows a missing texture in magenta"
    # A file that is uploaded later gives other frames.
    rig.upload(picture(tmp_path / "wood.png", WOOD), "without/textures/wood.png")
    assert pixels(rig, render(rig, "without/shot.blend")) != pixels(rig, without)


def image_centre(data: bytes) -> tuple[int, int, int]:
    at = 3 * (18 * 64 + 32)
    red, green, blue = data[at : at + 3]
    return red, green, blue


def test_a_linked_library_is_fetched_with_its_scene(rig: Rig, tmp_path: Path) -> None:
    library = make_scene(tmp_path / "set.blend", missing_image="//textures/wood.png")
    scene = make_scene(tmp_path / "shot.blend", camera=False, library=library, library_path="//../sets/set.blend")
    rig.upload_quietly(scene, "film/linked.blend")
    missing = render(rig, "film/linked.blend")
    assert (missing.error, "//../sets/set.blend" in (missing.cause or "")) == ("MissingAssets", True)
    rig.upload_quietly(library, "sets/set.blend")
    missing = render(rig, "film/linked.blend")
    assert (missing.error, "//textures/wood.png (of //../sets/set.blend)" in (missing.cause or "")) == (
        "MissingAssets",
        True,
    )
    rig.upload(picture(tmp_path / "wood.png", WOOD), "sets/textures/wood.png")
    assert render(rig, "film/linked.blend").status is JobStatus.SUCCEEDED


def point_cache(path: Path, size: float) -> Path:
    """Write a cache of one sample, with the corners of the cube at plus and minus `size`."""
    corners = [(x, y, z) for x in (-size, size) for y in (-size, size) for z in (-size, size)]
    head = struct.pack("<12siiffi", b"POINTCACHE2\0", 1, len(corners), 1.0, 1.0, 1)
    path.write_bytes(head + b"".join(struct.pack("<3f", *corner) for corner in corners))
    return path


def test_what_only_a_modifier_refers_to_is_fetched_and_part_of_the_render_key(rig: Rig, tmp_path: Path) -> None:
    also = (
        "cache = bpy.data.objects['Cube'].modifiers.new('cache', 'MESH_CACHE')\n"
        "cache.cache_format, cache.filepath = 'PC2', '//../caches/cube.pc2'"
    )
    scene = make_scene(tmp_path / "shot.blend", also=also)
    rig.upload_quietly(scene, "modified/shot.blend")
    missing = render(rig, "modified/shot.blend")
    assert (missing.error, "//../caches/cube.pc2" in (missing.cause or "")) == ("MissingAssets", True)
    seen = []
    for size in (0.4, 1.2):
        rig.upload(point_cache(tmp_path / "cube.pc2", size), "caches/cube.pc2")
        execution = render(rig, "modified/shot.blend")
        assert execution.output["frames"]["rendered"] == 1
        seen.append(image_background(pixels(rig, execution)))
    # The larger cube hides more of the background.
    assert seen[0] > 2 * seen[1] > 0


def test_a_text_that_only_an_import_node_names_is_fetched_and_part_of_the_render_key(rig: Rig, tmp_path: Path) -> None:
    rig.upload_quietly(make_scene(tmp_path / "note.blend", also=letters(NESTED, "//texts/note.txt")), "note.blend")
    missing = render(rig, "note.blend")
    assert (missing.error, "//texts/note.txt" in (missing.cause or "")) == ("MissingAssets", True)
    seen = []
    for text in ("I", "WWW"):
        (tmp_path / "note.txt").write_text(text)
        rig.upload(tmp_path / "note.txt", "texts/note.txt")
        execution = render(rig, "note.blend")
        assert execution.output["frames"]["rendered"] == 1
        seen.append(pixels(rig, execution))
    assert seen[0] != seen[1]
    computed = make_scene(tmp_path / "computed.blend", also=letters(COMPUTED["strings joined"], "//texts/note.txt"))
    rig.upload_quietly(computed, "computed.blend")
    refused = render(rig, "computed.blend", missing_assets="render")
    assert refused.error == "InvalidRequest"
    assert "node 'Import Text' of node group 'Letters'" in (refused.cause or "")


def image_background(data: bytes) -> int:
    """Return how many pixels are as the one in the corner."""
    return sum(data[at : at + 3] == data[:3] for at in range(0, len(data), 3))


BAKED = """
import pathlib, shutil
bpy.ops.wm.save_as_mainfile(filepath=path)
cube = bpy.data.objects["Cube"]
cache = cube.modifiers.new("cloth", "CLOTH").point_cache
cache.use_disk_cache, cache.frame_end = True, 12
with bpy.context.temp_override(point_cache=cache, active_object=cube, object=cube, scene=scene):
    bpy.ops.ptcache.bake(bake=True)
folder = pathlib.Path(path).with_name("blendcache_" + pathlib.Path(path).stem)
shutil.copytree(folder, {folder!r}, dirs_exist_ok=True)
scene.frame_set(1)
"""


def test_a_simulation_that_is_baked_beside_its_scene_is_fetched_with_it(rig: Rig, tmp_path: Path) -> None:
    folder = tmp_path / "blendcache_cloth"
    rig.upload_quietly(make_scene(tmp_path / "cloth.blend", also=BAKED.format(folder=str(folder))), "cloth.blend")
    missing = rig.run(file="cloth.blend", frames="12", output="frames")
    assert (missing.error, "//blendcache_cloth" in (missing.cause or "")) == ("MissingAssets", True)
    without = rig.run(file="cloth.blend", frames="12", output="frames", missing_assets="render")
    for path in folder.iterdir():
        rig.upload(path, f"blendcache_cloth/{path.name}")
    fallen = rig.run(file="cloth.blend", frames="12", output="frames")
    assert pixels(rig, fallen) != pixels(rig, without)
    assert fallen.output["output"]["key"] != without.output["output"]["key"]
