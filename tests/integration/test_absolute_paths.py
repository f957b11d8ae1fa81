"""Files with absolute paths on the artist's machine render on a worker that has them elsewhere."""

from pathlib import Path

import pytest
from PIL import Image

from frameloom.model.errors import MissingAssets
from frameloom.model.job import SceneRef
from frameloom.model.settings import RenderSettings
from frameloom.services.scene.reader import read_scene
from frameloom.services.scene.upload_assets import local_assets, upload_assets
from tests.jobs import BUCKETS
from tests.scenes import make_scene
from tests.unit.preparation import KEY, Farm
from worker.blender import Blender
from worker.scenes import SceneCache

ROOT = "ann-1"
# Everything that the scene shows comes from `{there}`, a folder of the artist's machine, by its absolute path.
SHOWN = """
import os
there = {there!r}
def picture(name, colour):
    os.makedirs(os.path.dirname(name), exist_ok=True)
    image = bpy.data.images.new("made", 8, 8)
    image.pixels = [*colour, 1.0] * 64
    image.filepath_raw, image.file_format = name, "PNG"
    image.save()
    bpy.data.images.remove(image)
def plane(image, place):
    bpy.ops.mesh.primitive_plane_add(size=1.5, location=place, rotation=(1.5708, 0, 0))
    one = bpy.context.object
    material = bpy.data.materials.new("shown")
    material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    texture, out = tree.nodes.new("ShaderNodeTexImage"), tree.nodes.new("ShaderNodeOutputMaterial")
    texture.image = image
    if image.source == "SEQUENCE":
        texture.image_user.frame_duration, texture.image_user.use_auto_refresh = 9, True
    tree.links.new(texture.outputs["Color"], out.inputs["Surface"])
    one.data.materials.append(material)
    return one
picture(there + "/tex/wood.png", (1.0, 0.0, 0.0))
plane(bpy.data.images.load(there + "/tex/wood.png"), (-2.2, 0, 1))
for frame in range(1, 4):
    picture(f"{{there}}/plate/p_{{frame:04d}}.png", (0.0, frame / 4, 0.0))
sequence = bpy.data.images.load(there + "/plate/p_0001.png")
sequence.source = "SEQUENCE"
plane(sequence, (2.2, 0, 1))
for tile in (1001, 1002):
    picture(f"{{there}}/tiles/t.{{tile}}.png", (0.0, 0.0, (tile - 1000) / 2))
tiles = bpy.data.images.load(there + "/tiles/t.1001.png")
tiles.source, tiles.filepath = "TILED", there + "/tiles/t.<UDIM>.png"
plane(tiles, (-2.2, 0, -1))
os.makedirs(there + "/fonts", exist_ok=True)
import shutil
shutil.copy(bpy.utils.system_resource("DATAFILES") + "/fonts/DejaVuSansMono.woff2", there + "/fonts/mono.woff2")
text = bpy.data.objects.new("text", bpy.data.curves.new("text", "FONT"))
text.data.font, text.data.body, text.location = bpy.data.fonts.load(there + "/fonts/mono.woff2"), "Wi", (1, 0, -1)
text.rotation_euler = (1.5708, 0, 0)
scene.collection.objects.link(text)
"""
LIBRARY = """
import os
image = bpy.data.images.new("made", 8, 8)
image.pixels = [1.0, 1.0, 0.0, 1.0] * 64
image.filepath_raw, image.file_format = {there!r} + "/lib/gold.png", "PNG"
os.makedirs({there!r} + "/lib", exist_ok=True)
image.save()
gold = bpy.data.images.load({there!r} + "/lib/gold.png")
gold.filepath = {path!r}
material = bpy.data.materials.new("gold")
material.use_nodes = True
tree = material.node_tree
tree.nodes.clear()
texture, out = tree.nodes.new("ShaderNodeTexImage"), tree.nodes.new("ShaderNodeOutputMaterial")
texture.image = gold
tree.links.new(texture.outputs["Color"], out.inputs["Surface"])
bpy.ops.mesh.primitive_plane_add(size=1.5, rotation=(1.5708, 0, 0))
bpy.context.object.name = "golden"
bpy.context.object.data.materials.append(material)
"""
LINK = """
with bpy.data.libraries.load({there!r} + "/lib/set.blend", link=True, relative=False) as (have, want):
    want.objects = ["golden"]
scene.collection.objects.link(want.objects[0])
"""
# Blender makes absolute paths relative when it saves a file for the first time.
SAVED = "bpy.ops.wm.save_as_mainfile(filepath=path)\n"
PACK = """
library = bpy.data.libraries[0]
library.filepath = bpy.path.relpath(library.filepath)
bpy.ops.file.pack_libraries()
library.filepath = "//sets/set.blend"
"""
PLAIN = SAVED + "scene.render.engine, scene.view_settings.view_transform = 'CYCLES', 'Standard'\n"


def pixels(blender: Blender, scene: Path, *, root: Path, absolute: Path | None = None, trusted: bool = False) -> bytes:
    """Return the pixels of a scene's second frame."""
    settings = RenderSettings(trust_scripts=True) if trusted else RenderSettings()
    blender.open(scene, settings, name=scene.name, root=root, absolute=absolute)
    frame = scene.with_suffix(".png")
    blender.render(2, frame, run=range(2, 4) if trusted else None)
    with Image.open(frame) as picture:
        return picture.convert("RGB").tobytes()


class Studio:
    """An artist's machine with a scene, and a farm that prepares and fetches it."""

    def __init__(self, folder: Path, also: str, *, compress: bool = False) -> None:
        self.folder = folder
        self.there = folder / "mnt"
        (folder / "home").mkdir()
        self.scene = make_scene(folder / "home/shot.blend", also=PLAIN + also, compress=compress)

    def fetched(self) -> tuple[Path, Path, Path | None]:
        """Return the scene on a worker, the folder of its files, and that of files with absolute paths."""
        farm = Farm(self.scene.read_bytes())
        local = local_assets(self.scene, KEY, read_scene(self.scene).references, root=ROOT, guarded=True)
        upload_assets(local.files, store=farm.store, bucket=BUCKETS.scenes, progress=lambda *_: None)
        state = farm.prepare({"file": KEY, "absolute_root": ROOT})
        scene = SceneRef.model_validate(state["scene"])
        cache = SceneCache(self.folder / "worker", farm.store)
        path = cache.fetch(scene)
        return path, cache.folder_of(path), cache.absolute_folder(scene, path)


@pytest.mark.parametrize("trusted", [False, True])
def test_images_sequences_tiles_and_fonts_with_absolute_paths_have_plain_blenders_pixels(
    blender: Blender, tmp_path: Path, *, trusted: bool
) -> None:
    studio = Studio(tmp_path, SHOWN.format(there=str(tmp_path / "mnt")))
    plain = pixels(blender, studio.scene, root=Path("/"))
    path, root, absolute = studio.fetched()
    # A worker does not have the artist's disk.
    studio.there.rename(tmp_path / "gone")
    assert pixels(blender, path, root=root, absolute=absolute, trusted=trusted) == plain
    if not trusted:
        blender.close()
        with pytest.raises(MissingAssets, match=str(studio.there / "tex/wood.png")):
            pixels(blender, path, root=root)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("texture", ["//gold.png", "{there}/lib/gold.png"])
def test_a_library_with_an_absolute_path_is_linked_with_its_texture(
    blender: Blender, tmp_path: Path, texture: str, *, compress: bool
) -> None:
    there = tmp_path / "mnt"
    (there / "lib").mkdir(parents=True)
    path = texture.format(there=there)
    make_scene(there / "lib/set.blend", also=SAVED + LIBRARY.format(there=str(there), path=path), compress=compress)
    studio = Studio(tmp_path, LINK.format(there=str(there)), compress=compress)
    plain = pixels(blender, studio.scene, root=Path("/"))
    fetched, root, absolute = studio.fetched()
    there.rename(tmp_path / "gone")
    assert pixels(blender, fetched, root=root, absolute=absolute) == plain


@pytest.mark.parametrize("texture", ["//gold.png", "//../tex/gold.png", "{there}/lib/gold.png"])
def test_a_packed_library_is_linked_with_its_textures_outside_it(
    blender: Blender, tmp_path: Path, texture: str
) -> None:
    there, home = tmp_path / "mnt", tmp_path / "home/sets"
    (there / "lib").mkdir(parents=True)
    path = texture.format(there=there)
    library = make_scene(there / "lib/set.blend", also=SAVED + LIBRARY.format(there=str(there), path=path))
    studio = Studio(tmp_path, LINK.format(there=str(there)) + PACK)
    for name in ("sets/gold.png", "tex/gold.png"):
        (tmp_path / "home" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "home" / name).write_bytes((there / "lib/gold.png").read_bytes())
    library.unlink()
    assert not (home / "set.blend").exists()
    plain = pixels(blender, studio.scene, root=Path("/"))
    fetched, root, absolute = studio.fetched()
    for folder in ("mnt", "home"):
        (tmp_path / folder).rename(tmp_path / f"gone-{folder}")
    assert pixels(blender, fetched, root=root, absolute=absolute) == plain
