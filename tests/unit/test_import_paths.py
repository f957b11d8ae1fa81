"""The references of Geometry Nodes import nodes, in scenes saved by Blender."""

from pathlib import Path

import pytest

from frameloom.model.assets import Reference
from frameloom.model.errors import InvalidRequest
from frameloom.services.scene.find_assets import FoundAssets, find_assets
from frameloom.services.scene.reader import read_references
from frameloom.testing import MemoryStore
from tests.import_scenes import COMPUTED, MODIFIER, NESTED, SOCKET, WAYS, letters
from tests.scenes import make_scene
from tests.unit.blends import PACKERS, as_blender_5_writes, read

NOTE = Reference(path="//note.txt")
OTHERS = """
for kind, name in (("CSV", "a.csv"), ("OBJ", "b.obj"), ("PLY", "c.ply"), ("STL", "d.stl"), ("VDB", "e.vdb")):
    group.nodes.new("GeometryNodeImport" + kind).inputs["Path"].default_value = "//data/" + name
"""


def found(scene: Path, *libraries: Path) -> FoundAssets:
    """Return the assets found for a scene in a bucket with its libraries."""
    store = MemoryStore()
    for path in (scene, *libraries):
        store.put("scenes", path.name, path.read_bytes())
    return find_assets(store, "scenes", scene.name, read_references(scene))


@pytest.mark.parametrize("way", WAYS)
def test_a_constant_path_is_an_asset_in_each_position(way: str, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "shot.blend", also=letters(WAYS[way], "//note.txt"))
    assert [one for one in read_references(scene) if not one.node] == [NOTE]
    assert (found(scene).missing, found(scene).computed) == (("//note.txt",), ())


@pytest.mark.parametrize("way", COMPUTED)
def test_a_computed_path_is_refused_with_its_node_and_group(way: str, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "shot.blend", also=letters(COMPUTED[way], "//note.txt"))
    for trusted in (False, True):
        with pytest.raises(
            InvalidRequest, match=r"^file: .*node 'Import Text' of node group 'Letters'; type each path into its node"
        ):
            found(scene).check(file="shot.blend", trusted=trusted)


@pytest.mark.parametrize("packing", PACKERS)
def test_every_import_node_is_read_from_each_file_format(packing: str, tmp_path: Path) -> None:
    data = make_scene(tmp_path / "shot.blend", also=letters(SOCKET, "/etc/passwd") + OTHERS).read_bytes()
    paths = ["/etc/passwd", *(f"//data/{name}" for name in ("a.csv", "b.obj", "c.ply", "d.stl", "e.vdb"))]
    for version in (data, as_blender_5_writes(data)):
        assert [one.path for one in read(PACKERS[packing](version)).references] == paths


def test_muted_import_nodes_need_no_file_and_muted_links_are_ignored(tmp_path: Path) -> None:
    also = letters(SOCKET + WAYS["a String node behind a reroute"], "//note.txt")
    muted = make_scene(tmp_path / "muted.blend", also=f"{also}text.mute = True")
    assert read_references(muted) == (Reference(path="//note.txt", required=False),)
    linked = f"{also}string.string = '//other.txt'\ntext.inputs[0].links[0].is_muted = True"
    assert read_references(make_scene(tmp_path / "linked.blend", also=linked)) == (NOTE,)


LINKED = """
with bpy.data.libraries.load({library!r}, link=True) as (_, wanted):
    wanted.node_groups, wanted.objects = {groups}, {objects}
bpy.data.libraries[0].filepath = "//set.blend"
for one in wanted.objects:
    scene.collection.objects.link(one)
for one in wanted.node_groups:
    bpy.data.objects["Cube"].modifiers.new("linked", "NODES").node_group = one
"""


def test_a_path_in_a_library_is_relative_to_it_and_a_path_from_outside_is_refused(tmp_path: Path) -> None:
    """In Blender, the path is relative to the file that holds the group, even if another file sets it."""

    def linking(library: Path, **wanted: list[str]) -> FoundAssets:
        also = LINKED.format(library=str(library), groups=wanted.get("groups", []), objects=wanted.get("objects", []))
        return found(make_scene(tmp_path / "shot.blend", also=also), library)

    plain = make_scene(tmp_path / "set.blend", also=letters(SOCKET, "//note.txt"))
    assert linking(plain, groups=["Letters"]).missing == ("//note.txt (of //set.blend)",)
    # The library sets a constant path for its group, but another file that links the group may set another path.
    exposed = make_scene(tmp_path / "set.blend", also=letters(MODIFIER, "//note.txt"))
    assert linking(exposed, objects=["Cube"]).computed == ()
    assert linking(exposed, groups=["Letters"]).computed == (
        "node 'Import Text' of node group 'Letters' (of //set.blend)",
    )
    nested = make_scene(tmp_path / "set.blend", also=letters(NESTED, "//note.txt"))
    assert linking(nested, groups=["Outer"]).computed == ()
