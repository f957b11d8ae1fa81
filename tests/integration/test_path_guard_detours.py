"""Ways out of a scene's folder that a path's text does not show: Blender neither opens nor writes files outside."""

from pathlib import Path

import pytest
from PIL import Image

from frameloom.model.errors import InvalidRequest, RenderCrashed
from frameloom.model.settings import RenderSettings
from tests.import_scenes import SOCKET, STRING, letters
from tests.integration.test_path_guard import opened, pixels
from tests.scenes import make_scene
from worker.blender import Blender

# A muted group passes on its input, not its output.
MUTED_GROUP = """
passing = bpy.data.node_groups.new("Passing", "GeometryNodeTree")
for way in ("INPUT", "OUTPUT"):
    passing.interface.new_socket("File", in_out=way, socket_type="NodeSocketString")
passing.nodes.new("NodeGroupOutput").inputs["File"].default_value = "//note.txt"
user = group.nodes.new("GeometryNodeGroup")
user.node_tree, user.mute = passing, True
user.inputs["File"].default_value = path_of_text
group.links.new(user.outputs["File"], text.inputs[0])
"""
# Muted in the file and not muted from frame 2 on, or the other way round.
ANIMATED_LINK = """
link = text.inputs[0].links[0]
action = bpy.data.actions.new("links")
curve = action.fcurves.new(f"links[{list(group.links).index(link)}].is_muted")
for frame, value in ((1, not UNMUTED), (2, UNMUTED)):
    curve.keyframe_points.insert(frame, value).interpolation = "CONSTANT"
group.animation_data_create().action = action
group.animation_data.action_slot = action.slots[0]
scene.frame_set(1)
link.is_muted = not UNMUTED
"""
UNMUTED = STRING + ANIMATED_LINK.replace("UNMUTED", "False")
MUTED = STRING.replace("string.string = path_of_text", "text.inputs[0].default_value = path_of_text")
MUTED += ANIMATED_LINK.replace("UNMUTED", "True")
SHOWN = """
tree = bpy.data.materials[0].node_tree
texture = tree.nodes.new("ShaderNodeTexImage")
texture.image = image
shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
"""
PLAYLIST = f"""
image = bpy.data.images.new("image", 8, 8)
image.source, image.filepath = "MOVIE", "//film.m3u8"
{SHOWN}
"""
# Blender names the file of each eye by a suffix.
VIEWS = """
import os
bpy.ops.wm.save_as_mainfile(filepath=path)
scene.render.use_multiview, scene.render.views_format = True, "MULTIVIEW"
scene.render.views["left"].file_suffix = "/../../host/secret"
"""
STEREO = f"""{VIEWS}
folder = os.path.dirname(path)
os.makedirs(os.path.join(folder, "wood"), exist_ok=True)
for name in ("wood_R", "../host/secret"):
    bpy.data.images.new(name, 8, 8).save(filepath=os.path.join(folder, f"{{name}}.png"))
image = bpy.data.images.load(os.path.join(folder, "wood_R.png"))
image.filepath, image.use_multiview = "//wood_R.png", True
len(image.pixels)
image.views_format = "INDIVIDUAL"
scene.render.views["left"].file_suffix, scene.render.use_multiview = "_L", False
{SHOWN}
"""
BAKE = """
bpy.ops.wm.save_as_mainfile(filepath=path)
group = bpy.data.node_groups.new("Baked", "GeometryNodeTree")
for way in ("INPUT", "OUTPUT"):
    group.interface.new_socket("Geometry", in_out=way, socket_type="NodeSocketGeometry")
nodes = [group.nodes.new(name) for name in ("NodeGroupInput", "GeometryNodeBake", "NodeGroupOutput")]
for left, right in zip(nodes, nodes[1:]):
    group.links.new(left.outputs[0], right.inputs[0])
cube = bpy.data.objects["Cube"]
modifier = cube.modifiers.new("baked", "NODES")
modifier.node_group = group
bpy.context.view_layer.update()
modifier.bake_target, modifier.bake_directory, modifier.bakes[0].bake_mode = "DISK", "//bake", "STILL"
bpy.ops.object.geometry_node_bake_single(
    session_uid=cube.session_uid, modifier_name="baked", bake_id=modifier.bakes[0].bake_id
)
"""
BAKED = """
modifier.bake_directory = "//bake"
"""
# Only a saved file may have it on disk.
CACHE = """
bpy.ops.wm.save_as_mainfile(filepath=path)
cache = bpy.data.objects["Cube"].modifiers.new("cloth", "CLOTH").point_cache
cache.use_disk_cache, cache.name = True, "NAME"
"""
PACKED_LIBRARY = """
bpy.ops.wm.save_as_mainfile(filepath=path)
with bpy.data.libraries.load({library!r}, link=True, relative=True) as (_, wanted):
    wanted.objects = ["Cube"]
scene.collection.objects.link(wanted.objects[0])
bpy.ops.file.pack_libraries()
"""


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A scene's folder, beside a folder of the machine."""
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "secret.txt").write_text("WWWWWWWW")
    (tmp_path / "job" / "wood").mkdir(parents=True)
    Image.new("RGB", (8, 8), (40, 120, 200)).save(tmp_path / "host" / "secret.png")
    Image.new("RGB", (8, 8), (200, 120, 40)).save(tmp_path / "job" / "wood_R.png")
    (tmp_path / "job" / "note.txt").write_text("")
    segment = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n../host/secret.mp4\n#EXT-X-ENDLIST\n"
    (tmp_path / "job" / "film.m3u8").write_text(segment)
    (tmp_path / "host" / "secret.mp4").write_bytes(b"\0" * 4096)
    return tmp_path / "job"


def _opens(blender: Blender, scene: Path, *, trusted: bool = False) -> set[str]:
    """Return the files of the machine that Blender opens for a scene's second frame."""
    with opened(scene.parent.parent / "host") as names:
        settings = RenderSettings(trust_scripts=trusted)
        blender.open(scene, settings, name=scene.name, complete=False)
        blender.render(2, scene.with_suffix(".png"))
    return names


@pytest.mark.parametrize(
    ("also", "file"),
    [
        (letters(SOCKET, "//..\\host\\secret.txt"), "secret.txt"),
        (letters(SOCKET, "//x\\..\\..\\host/secret.txt"), "secret.txt"),
        (letters(UNMUTED, "//../host/secret.txt").replace("UNMUTED", "True"), "secret.txt"),
        (letters(MUTED, "//../host/secret.txt"), "secret.txt"),
        (PLAYLIST, "secret.mp4"),
    ],
    ids=["backslashes", "backslashes and slashes", "an unmuted link", "a muted link", "a playlist"],
)
def test_no_detour_leads_blender_out_of_its_scenes_folder(blender: Blender, job: Path, also: str, file: str) -> None:
    scene = make_scene(job / "shot.blend", also=also)
    assert _opens(blender, scene) == set()
    # For a trusted scene it does lead out.
    assert _opens(blender, scene, trusted=True) == {file}


def test_paths_that_leave_the_folder_only_at_render_time_are_refused(blender: Blender, job: Path) -> None:
    muted = make_scene(job / "muted.blend", also=letters(MUTED_GROUP, "//../host/secret.txt"))
    with pytest.raises(InvalidRequest, match="not a constant: node 'Import Text' of node group 'Letters'"):
        blender.open(muted, RenderSettings(), name="muted.blend", complete=False)
    # Blender's interface does not accept such a name.
    cache = make_scene(job / "cache.blend", also=CACHE.replace("NAME", ".._host_secret"))
    assert b".._host_secret" in cache.read_bytes()
    cache.write_bytes(cache.read_bytes().replace(b".._host_secret", b"../host/secret"))
    with pytest.raises(InvalidRequest, match=r"file: 'cache.blend' has a cache with an invalid name, '../host/secret'"):
        blender.open(cache, RenderSettings(), name="cache.blend", complete=False)


def test_a_bake_reads_data_only_from_its_own_folder(blender: Blender, job: Path) -> None:
    scene = make_scene(job / "shot.blend", also=BAKE.replace("//bake", str(job / "bake")) + BAKED)
    blender.open(scene, RenderSettings(), name="shot.blend")
    (meta,) = job.rglob("meta/*.json")
    honest = meta.read_text()
    # JSON can escape a slash.
    for name in ("../../../../host/secret.txt", "..\\u002f..\\u002f..\\u002f..\\u002fhost\\u002fsecret.txt"):
        meta.write_text(honest.replace('"name":"00001_00000.blob"', f'"name":"{name}"'))
        with pytest.raises(InvalidRequest, match=r"a bake that is damaged, 'bake/.*: its data is in '.*secret.txt'"):
            blender.open(scene, RenderSettings(), name="shot.blend", complete=False)


def test_a_stereo_image_shows_the_file_of_its_own_path(blender: Blender, job: Path) -> None:
    scene = make_scene(job / "shot.blend", also=STEREO)
    shown = pixels(blender, scene)
    assert pixels(blender, scene, trusted=True) != shown
    Image.new("RGB", (8, 8), (0, 255, 0)).save(job.parent / "host" / "secret.png")
    assert pixels(blender, scene) == shown


def test_a_view_writes_no_frame_outside_the_folder(blender: Blender, job: Path) -> None:
    scene = make_scene(job / "shot.blend", also=VIEWS.replace("/../../host/secret", "/.." * 4 + "/host/written"))
    blender.open(scene, RenderSettings(), name="shot.blend")
    with pytest.raises(RenderCrashed):
        blender.render(2, scene.with_suffix(".png"))
    assert {path.stem for path in (job.parent / "host").iterdir()} == {"secret"}


def test_the_simulation_of_a_packed_library_caches_in_the_folder(blender: Blender, job: Path) -> None:
    library = make_scene(job.parent / "host" / "set.blend", also=CACHE.replace('"NAME"', '""'))
    scene = make_scene(job / "shot.blend", also=PACKED_LIBRARY.format(library=str(library)))
    for trusted in (False, True):
        blender.open(scene, RenderSettings(trust_scripts=trusted), name="shot.blend", complete=False)
        for frame in (1, 2, 3):
            blender.render(frame, scene.with_suffix(".png"), run=range(1, 4))
        outside = {path for path in job.parent.rglob("*.bphys") if not path.is_relative_to(job)}
        assert bool(outside) is trusted
