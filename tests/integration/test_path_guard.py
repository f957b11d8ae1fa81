"""A scene makes Blender open no files outside its own folder on the worker's machine."""

import ctypes
import json
import os
import select
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from frameloom.model.blender_paths import CONFINED, PATHS
from frameloom.model.errors import InvalidRequest, MissingAssets, RenderCrashed
from frameloom.model.settings import RenderSettings
from tests.conformance.toolbox import ROOT
from tests.import_scenes import COMPUTED, SOCKET, letters
from tests.scenes import make_scene
from worker.blender import Blender


@contextmanager
def opened(folder: Path) -> Iterator[set[str]]:
    """Collect the names of the files in `folder` that any process opens in the block."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    assert libc.inotify_add_watch(watch, bytes(folder), 0x20) >= 0, "IN_OPEN"
    names: set[str] = set()
    try:
        yield names
        data, at = os.read(watch, 2**20) if _readable(watch) else b"", 0
        while at < len(data):
            _, _, _, size = struct.unpack_from("iIII", data, at)
            names |= {data[at + 16 : at + 16 + size].rstrip(b"\0").decode()} - {""}
            at += 16 + size
    finally:
        os.close(watch)


def _readable(watch: int) -> bool:
    return bool(select.select([watch], [], [], 0)[0])


def pixels(blender: Blender, scene: Path, *, complete: bool = False, trusted: bool = False) -> bytes:
    """Return the pixels of a scene's second frame."""
    settings = RenderSettings(trust_scripts=True) if trusted else RenderSettings()
    blender.open(scene, settings, name=scene.name, complete=complete)
    image = scene.with_suffix(".png")
    blender.render(2, image, run=range(2, 4) if trusted else None)
    with Image.open(image) as picture:
        return picture.convert("RGB").tobytes()


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder of the machine, outside the scene's."""
    folder = tmp_path / "host"
    folder.mkdir()
    (folder / "secret.txt").write_text("WWWWWWWW")
    return folder


def test_no_text_file_of_the_machine_shows_in_a_pixel(blender: Blender, tmp_path: Path, host: Path) -> None:
    (tmp_path / "job").mkdir()
    shot, absent = (
        make_scene(tmp_path / "job" / f"{name}.blend", also=letters(SOCKET, str(host / f"{name}.txt")))
        for name in ("secret", "absent")
    )
    without = pixels(blender, absent)
    with opened(host) as names:
        assert pixels(blender, shot) == without
    assert names == set()
    # A trusted scene does show it.
    with opened(host) as names:
        assert pixels(blender, shot, trusted=True) != without
    assert names == {"secret.txt"}


# For each path that a render may read: code that sets it to `{path}`, and the property that holds it.
PLACES: dict[str, tuple[str, str]] = {
    "Image.filepath": (
        ("image = bpy.data.images.new('image', 8, 8)\nimage.source, image.filepath = 'FILE', {path}\n"
        "tree = bpy.data.materials[0].node_tree\ntexture = tree.nodes.new('ShaderNodeTexImage')\n"
        "texture.image = image\nshader = next(node for node in tree.nodes if node.type == 'BSDF_PRINCIPLED')\n"
        "tree.links.new(texture.outputs['Color'], shader.inputs['Base Color'])"),
        "data.images['image'].filepath",
    ),
    "VectorFont.filepath": (
        ("font = bpy.data.fonts.load(bpy.utils.system_resource('DATAFILES') + '/fonts/Inter.woff2')\n"
        "font.name, font.filepath = 'font', {path}\n"
        "text = bpy.data.objects.new('text', bpy.data.curves.new('text', 'FONT'))\n"
        "text.data.font, text.data.body = font, 'W'\nscene.collection.objects.link(text)"),
        "data.fonts['font'].filepath",
    ),
    "Volume.filepath": (
        ("volume = bpy.data.volumes.new('volume')\nvolume.filepath = {path}\n"
        "scene.collection.objects.link(bpy.data.objects.new('volume', volume))"),
        "data.volumes['volume'].filepath",
    ),
    "CacheFile.filepath": (
        ("bpy.ops.wm.alembic_export(filepath=path + '.abc')\nbpy.ops.cachefile.open(filepath=path + '.abc')\n"
        "cache = bpy.data.cache_files[0]\ncache.name = 'cache'\n"
        "cube.modifiers.new('abc', 'MESH_SEQUENCE_CACHE').cache_file = cache\ncache.filepath = {path}"),
        "data.cache_files['cache'].filepath",
    ),
    "CacheFileLayer.filepath": (
        "bpy.data.cache_files['cache'].layers.new({path})", "data.cache_files['cache'].layers[0].filepath",
    ),
    "MeshCacheModifier.filepath": (
        ("modifier = cube.modifiers.new('mesh', 'MESH_CACHE')\n"
        "modifier.cache_format, modifier.filepath = 'PC2', {path}"),
        "objects['Cube'].modifiers['mesh'].filepath",
    ),
    "MultiresModifier.filepath": (
        (
            "multires = cube.modifiers.new('multires', 'MULTIRES')\n"
            "with bpy.context.temp_override(object=cube, active_object=cube):\n"
            "    bpy.ops.object.multires_subdivide(modifier='multires')\n"
            "    bpy.ops.object.multires_external_save(filepath=path + '.btx', modifier='multires')\n"
            "multires.filepath = {path}"
        ),
        "objects['Cube'].modifiers['multires'].filepath",
    ),
    "OceanModifier.filepath": (
        "cube.modifiers.new('ocean', 'OCEAN').filepath = {path}", "objects['Cube'].modifiers['ocean'].filepath",
    ),
    "FluidDomainSettings.cache_directory": (
        ("fluid = cube.modifiers.new('fluid', 'FLUID')\nfluid.show_viewport, fluid.fluid_type = False, 'DOMAIN'\n"
        "fluid.domain_settings.cache_type = 'MODULAR'\nfluid.domain_settings.cache_directory = {path}"),
        "objects['Cube'].modifiers['fluid'].domain_settings.cache_directory",
    ),
    "PointCache.filepath": (
        "cache = cube.modifiers.new('cloth', 'CLOTH').point_cache\ncache.use_external, cache.filepath = True, {path}",
        "objects['Cube'].modifiers['cloth'].point_cache.filepath",
    ),
    "NodesModifier.bake_directory": (
        ("nodes = cube.modifiers.new('nodes', 'NODES')\n"
        "nodes.node_group = bpy.data.node_groups.new('baked', 'GeometryNodeTree')\n"
        "nodes.node_group.nodes.new('GeometryNodeBake')\nbpy.context.view_layer.update()\n"
        "nodes.bake_target, nodes.bake_directory = 'DISK', {path}"),
        "objects['Cube'].modifiers['nodes'].bake_directory",
    ),
    "NodesModifierBake.directory": (
        "bake = nodes.bakes[0]\nbake.use_custom_path, bake.directory = True, {path}",
        "objects['Cube'].modifiers['nodes'].bakes[0].directory",
    ),
    "ShaderNodeTexIES.filepath": (
        ("sun = bpy.data.lights[0]\nsun.use_nodes = True\nlight = sun.node_tree.nodes.new('ShaderNodeTexIES')\n"
        "light.name, light.mode, light.filepath = 'ies', 'EXTERNAL', {path}"),
        "lights[0].node_tree.nodes['ies'].filepath",
    ),
    "ShaderNodeScript.filepath": (
        ("script = bpy.data.lights[0].node_tree.nodes.new('ShaderNodeScript')\n"
        "script.name, script.mode, script.filepath = 'osl', 'EXTERNAL', {path}"),
        "lights[0].node_tree.nodes['osl'].filepath",
    ),
    "Camera.custom_filepath": ("scene.camera.data.custom_filepath = {path}", "cameras[0].custom_filepath"),
    "MovieClip.filepath": (
        ("file = path + '.png'\nbpy.data.images.new('clip', 8, 8).save(filepath=file)\n"
        "clip = bpy.data.movieclips.load(file)\nclip.name, clip.use_fake_user, clip.filepath = 'clip', True, {path}"),
        "movieclips['clip'].filepath",
    ),
    "MovieClipProxy.directory": (
        "clip.use_proxy = clip.use_proxy_custom_directory = True\nclip.proxy.directory = {path}",
        "movieclips['clip'].proxy.directory",
    ),
    "ImageStrip.directory": (
        ("strips = other.sequence_editor_create().strips\n"
        "image = strips.new_image('image', '//a.png', 1, 1)\nimage.directory = {path}"),
        "scenes['other'].sequence_editor.strips['image'].directory",
    ),
    "StripElement.filename": (
        "image = strips.new_image('element', '//a.png', 2, 1)\nimage.elements[0].filename = '../..' + {path}",
        "scenes['other'].sequence_editor.strips['element'].elements[0].filename",
    ),
    "MovieStrip.filepath": (
        "movie = strips.new_movie('movie', {path}, 3, 1)", "scenes['other'].sequence_editor.strips['movie'].filepath",
    ),
    "StripProxy.directory": (
        "movie.use_proxy = movie.proxy.use_proxy_custom_directory = True\nmovie.proxy.directory = {path}",
        "scenes['other'].sequence_editor.strips['movie'].proxy.directory",
    ),
    "StripProxy.filepath": (
        "movie.proxy.use_proxy_custom_file, movie.proxy.filepath = True, {path}",
        "scenes['other'].sequence_editor.strips['movie'].proxy.filepath",
    ),
    "SequenceEditor.proxy_dir": (
        "other.sequence_editor.proxy_dir = {path}", "scenes['other'].sequence_editor.proxy_dir",
    ),
    "Sound.filepath": (
        "strips.new_sound('sound', {path}, 4, 1)\nbpy.data.sounds[0].name = 'sound'", "sounds['sound'].filepath",
    ),
}  # fmt: skip
# Has no example: another name of a path that has one.
ALIKE = {"PointCacheItem.filepath"}
OPEN = """
import json, os, sys
from pathlib import Path
import bpy
from worker.blender_process.path_guard import confined
scene, places = sys.argv[1], json.loads(sys.argv[2])
with confined(Path(scene).parent, file="shot"):
    bpy.ops.wm.open_mainfile(filepath=scene, load_ui=False, use_scripts=False)
print("\\n" + json.dumps({name: eval("bpy.data." + place.removeprefix("data.")) for name, place in places.items()}))
sys.stdout.flush()
os._exit(0)
"""


def test_each_path_that_blender_may_read_is_confined_to_the_scenes_folder(tmp_path: Path, host: Path) -> None:
    assert PLACES.keys() | ALIKE == {name for name, use in PATHS.items() if use in CONFINED}
    (tmp_path / "job").mkdir()
    lines = [
        "bpy.ops.wm.save_as_mainfile(filepath=path)",
        "cube, other = bpy.data.objects['Cube'], bpy.data.scenes.new('other')",
    ]
    lines += [setup.format(path=repr(str(host / name))) for name, (setup, _) in PLACES.items()]
    scene = make_scene(tmp_path / "job" / "shot.blend", also="\n".join(lines))
    for name in PLACES:
        (host / name).write_text("secret")
    places = json.dumps({name: place for name, (_, place) in PLACES.items()})
    with opened(host) as names:
        done = subprocess.run(
            [sys.executable, "-c", OPEN, scene, places], cwd=ROOT, capture_output=True, text=True, check=False
        )
    found = json.loads(done.stdout.splitlines()[-1])
    assert names == set(), done.stderr
    assert {name: path for name, path in found.items() if ".outside" not in path} == {}


def test_a_scene_opens_no_file_of_another_scene_of_its_worker(blender: Blender, tmp_path: Path, host: Path) -> None:
    scene = tmp_path / "job" / "film" / "shot.blend"
    scene.parent.mkdir(parents=True)
    make_scene(scene, also=letters(SOCKET, "//../../host/secret.txt"))
    with opened(host) as names:
        blender.open(scene, RenderSettings(), name="shot.blend", complete=False, root=tmp_path / "job")
    assert names == set()
    # The folder that was downloaded for the scene has its own files.
    with opened(host) as names:
        blender.open(scene, RenderSettings(), name="shot.blend", root=tmp_path)
    assert names == {"secret.txt"}


def test_a_scene_that_cannot_be_confined_is_refused(blender: Blender, tmp_path: Path) -> None:
    library = make_scene(tmp_path / "set.blend")
    (tmp_path / "job").mkdir()
    linking = make_scene(tmp_path / "job" / "linking.blend", camera=False, library=library, library_path=str(library))
    computing = make_scene(tmp_path / "job" / "computing.blend", also=letters(COMPUTED["strings joined"], "//a.txt"))
    for scene, problem in (
        (linking, "file: 'linking.blend' links '.*set.blend', which lies outside"),
        (computing, "file: 'computing.blend' imports .* not a constant: node 'Import Text' of node group 'Letters'"),
    ):
        with pytest.raises(InvalidRequest, match=problem):
            blender.open(scene, RenderSettings(), name=scene.name, complete=False)
        with pytest.raises(RenderCrashed, match="no scene is open"):
            blender.render(1, tmp_path / "1.png")
    # The error shows the path of the scene, not its replacement.
    absolute = make_scene(tmp_path / "job" / "absolute.blend", missing_image="/host/wood.png")
    with pytest.raises(MissingAssets, match=r"are missing: \S*/host/wood\.png\. "):
        blender.open(absolute, RenderSettings(), name="absolute.blend")


# A packed file keeps its original path, often an absolute path.
PACKED = """
import os, shutil
folder = {folder!r}
shutil.copy(bpy.utils.system_resource("DATAFILES") + "/fonts/DejaVuSansMono.woff2", folder + "/font.woff2")
font = bpy.data.fonts.load(folder + "/font.woff2")
font.pack()
text = bpy.data.objects.new("text", bpy.data.curves.new("text", "FONT"))
text.data.font, text.data.body, text.location, text.rotation_euler = font, "Wi", (-1, -2, 0), (1.57, 0, 0)
scene.collection.objects.link(text)
sound = bpy.data.sounds.load(folder + "/font.woff2")
sound.pack()
sound.use_fake_user = True
"""


def test_packed_files_are_rendered_whatever_their_path(blender: Blender, tmp_path: Path, host: Path) -> None:
    Image.new("RGB", (8, 8), (40, 120, 200)).save(host / "wood.png")
    (tmp_path / "job").mkdir()
    also = PACKED.format(folder=str(host))
    scene = make_scene(tmp_path / "job" / "shot.blend", packed_image=host / "wood.png", also=also)
    trusted = pixels(blender, scene, trusted=True)
    with opened(host) as names:
        assert pixels(blender, scene, complete=True) == trusted
    assert names == set()
    other = also.replace("text.data.font, ", "_, ")
    builtin = make_scene(tmp_path / "job" / "builtin.blend", packed_image=host / "wood.png", also=other)
    assert pixels(blender, builtin) != trusted, "the two fonts have different letters"
