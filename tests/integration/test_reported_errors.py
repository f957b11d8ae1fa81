"""Errors that Blender reports while it opens a file, and after which it renders."""

from pathlib import Path

from frameloom.model.settings import RenderSettings
from tests.scenes import make_scene
from worker.blender import Blender

NODES = """
material = bpy.data.materials.new("Odd")
material.use_nodes = True
bpy.data.objects["Cube"].data.materials.append(material)
"""


def test_a_file_opens_although_blender_skips_one_of_its_data_blocks(blender: Blender, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "old.blend", size=(16, 16), also=NODES)
    whole = scene.read_bytes()
    # A node group that no Blender knows, as in files of 2.45 from big-endian machines.
    damaged = whole.replace(b"NTShader Nodetree", b"XXShader Nodetree")
    assert damaged != whole
    scene.write_bytes(damaged)
    lines: list[str] = []
    blender.on_output = lambda line, _: lines.append(line)
    blender.open(scene, RenderSettings(), name="old.blend")
    assert blender.render(1, tmp_path / "frame.png").files[0].problem is None
    assert any("invalid embedded node group" in line for line in lines)
