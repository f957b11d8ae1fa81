"""The references of modifiers, caches, strips and nodes, in scenes saved by Blender."""

import contextlib
import struct
import tempfile
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from blender_asset_tracer.blendfile import BlendFile
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model.assets import PathKind, Reference
from frameloom.model.errors import SceneUnreadable
from frameloom.services.scene import condense
from frameloom.services.scene.find_assets import find_assets
from frameloom.services.scene.reader import read_references, read_scene
from frameloom.services.storage.local_files import Disk
from frameloom.testing import MemoryStore
from tests.import_scenes import MODIFIER, SOCKET, letters
from tests.scenes import make_scene
from tests.unit.blends import PACKERS, as_blender_5_writes, blocks, problem, read, small

# Blender stores caches beside the file only after the file is saved.
SAVED = "bpy.ops.wm.save_as_mainfile(filepath=path)\ncube = bpy.data.objects['Cube']\n"
NODE = "tree = bpy.data.materials[0].node_tree\n"
DISK_CACHE = f"{SAVED}cache = cube.modifiers.new('cloth', 'CLOTH').point_cache\ncache.use_disk_cache = True\n"
DOMAIN = (
    # Hidden, since Blender would simulate it at once.
    "fluid = bpy.data.objects['Cube'].modifiers.new('fluid', 'FLUID')\n"
    "fluid.show_viewport, fluid.fluid_type = False, 'DOMAIN'\n"
    "domain = fluid.domain_settings\ndomain.cache_directory = '//caches/fluid'\n"
)
STRIP = (
    "strip = scene.sequence_editor_create().strips.new_image('strip', '//plates/a.png', 1, 1)\n"
    "strip.directory = '//plates'\nstrip.elements.append('b.png')\n"
)
BAKE = """
group = bpy.data.node_groups.new("nodes", "GeometryNodeTree")
for way, kind in (("INPUT", "NodeGroupInput"), ("OUTPUT", "NodeGroupOutput")):
    group.interface.new_socket("Geometry", in_out=way, socket_type="NodeSocketGeometry")
begin, end, bake = (group.nodes.new(kind) for kind in ("NodeGroupInput", "NodeGroupOutput", "GeometryNodeBake"))
group.links.new(begin.outputs[0], bake.inputs[0])
group.links.new(bake.outputs[0], end.inputs[0])
modifier = bpy.data.objects["Cube"].modifiers.new("nodes", "NODES")
modifier.node_group, modifier.bake_target, modifier.bake_directory = group, "{target}", "//caches/bakes"
bpy.context.view_layer.update()
"""

UNBAKED = Reference(path="//blendcache_shot", kind="points", required=False)
KINDS: dict[str, tuple[str, list[Reference]]] = {
    "mesh cache": (
        ("cache = bpy.data.objects['Cube'].modifiers.new('cache', 'MESH_CACHE')\n"
        "cache.cache_format, cache.filepath = 'PC2', '//caches/cloth.pc2'"),
        [Reference(path="//caches/cloth.pc2")],
    ),
    "ocean that is not baked": ("bpy.data.objects['Cube'].modifiers.new('ocean', 'OCEAN')", []),
    "simulation that nobody baked": (
        DISK_CACHE,
        [UNBAKED],
    ),
    "baked simulation": (
        (f"{DISK_CACHE}cache.frame_end = 2\n"
        "with bpy.context.temp_override(point_cache=cache, active_object=cube, object=cube, scene=scene):\n"
        "    bpy.ops.ptcache.bake(bake=True)"),
        [Reference(path="//blendcache_shot", kind="points")],
    ),
    "particles' cache that is elsewhere": (
        (f"{SAVED}cube.modifiers.new('dust', 'PARTICLE_SYSTEM')\n"
        "cache = cube.particle_systems[0].point_cache\ncache.use_external, cache.filepath = True, '//caches/dust'"),
        [Reference(path="//caches/dust", kind="points", name="", required=False, written=True)],
    ),
    "fluid that is simulated as it plays": (
        f"{DOMAIN}domain.cache_type = 'REPLAY'",
        [Reference(path="//caches/fluid", kind="fluid", required=False, written=True), UNBAKED],
    ),
    "fluid that nobody baked": (
        f"{DOMAIN}domain.cache_type = 'MODULAR'",
        [Reference(path="//caches/fluid", kind="fluid", required=False), UNBAKED],
    ),
    "bake of geometry nodes": (
        BAKE.format(target="DISK"),
        [Reference(path="//caches/bakes", kind="bake", required=False)],
    ),
    "bake that is packed": (BAKE.format(target="PACKED"), []),
    "strip of images": (STRIP, [Reference(path="//plates/a.png"), Reference(path="//plates/b.png")]),
    "strip that is muted": (
        f"{STRIP}strip.mute = True",
        [Reference(path=f"//plates/{name}.png", required=False) for name in "ab"],
    ),
    "lamp's profile": (
        f"{NODE}light = tree.nodes.new('ShaderNodeTexIES')\nlight.mode, light.filepath = 'EXTERNAL', '//lamps/a.ies'",
        [Reference(path="//lamps/a.ies")],
    ),
    "shader in a file": (
        f"{NODE}code = tree.nodes.new('ShaderNodeScript')\ncode.mode, code.filepath = 'EXTERNAL', '//code/a.osl'",
        [Reference(path="//code/a.osl", required=False)],
    ),
    "Alembic file with another over it": (
        ("bpy.ops.wm.alembic_export(filepath=path + '.abc')\n"
        "bpy.ops.cachefile.open(filepath=path + '.abc')\nfile = bpy.data.cache_files[0]\n"
        "file.use_fake_user, file.filepath = True, '//caches/set.abc'\nfile.layers.new('//caches/over.abc')"),
        [Reference(path="//caches/set.abc"), Reference(path="//caches/over.abc")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_struct_gives_its_references(kind: str, tmp_path: Path) -> None:
    also, references = KINDS[kind]
    scene = make_scene(tmp_path / "shot.blend", also=also)
    assert read_scene(scene).references == tuple(references)


def _changed(scene: Path, struct: bytes, field: bytes, change: int) -> Path:
    """Set bits in a field that only a job in Blender's window sets."""
    with BlendFile(scene, mode="r+b") as blend:
        [block] = [one for one in blend.find_blocks_from_code(b"DATA") if one.dna_type.dna_type_id == struct]
        block.set(field, block.get(field) | change)
    return scene


def test_a_baked_ocean_is_a_folder(tmp_path: Path) -> None:
    also = "bpy.data.objects['Cube'].modifiers.new('ocean', 'OCEAN').filepath = '//caches/ocean/'"
    scene = _changed(make_scene(tmp_path / "shot.blend", also=also), b"OceanModifierData", b"cached", 1)
    assert read_references(scene) == (Reference(path="//caches/ocean", kind="ocean"),)


def test_a_baked_fluid_is_required_and_an_unfinished_bake_is_written(tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "shot.blend", also=f"{DOMAIN}domain.cache_type = 'ALL'")
    baked = Reference(path="//caches/fluid", kind="fluid")
    assert read_references(_changed(scene, b"FluidDomainSettings", b"cache_flag", 1 << 1)) == (baked, UNBAKED)
    baking = _changed(scene, b"FluidDomainSettings", b"cache_flag", 1 << 0)
    assert [reference.written for reference in read_references(baking)] == [True, False]


def test_a_baked_external_cache_is_required(tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "shot.blend", also=KINDS["particles' cache that is elsewhere"][0])
    assert read_references(_changed(scene, b"PointCache", b"flag", 1)) == (
        Reference(path="//caches/dust", kind="points", name=""),
    )


def test_a_fluid_without_a_folder_is_written(tmp_path: Path) -> None:
    also = KINDS["fluid that is simulated as it plays"][0].replace("//caches/fluid", "")
    scene = make_scene(tmp_path / "shot.blend", also=also)
    data = scene.read_bytes()
    with BlendFile(scene) as blend:
        [domain] = [one for one in blend.find_blocks_from_code(b"DATA") if b"FluidDomain" in one.dna_type.dna_type_id]
        path = domain.get(b"cache_directory")
    # Blender never saves an empty path.
    references = read(data.replace(path, bytes(len(path)))).references
    assert [reference.path for reference in references if reference.written] == ["//"]


def test_a_scene_with_two_dna1_blocks_is_unreadable() -> None:
    data = small()
    [(at, size)] = [(at, size) for at, code, size in blocks(data) if code == b"DNA1"]
    assert problem(data[:at] + data[at : at + 24 + size] * 2 + data[at + 24 + size :]) == "its data is damaged"


@pytest.mark.parametrize("packing", PACKERS)
def test_references_are_equal_in_each_file_format(packing: str, tmp_path: Path) -> None:
    also = "\n".join(KINDS[kind][0] for kind in ("mesh cache", "bake of geometry nodes", "strip of images"))
    data = make_scene(tmp_path / "shot.blend", also=also).read_bytes()
    pack, plain = PACKERS[packing], read(data).references
    assert len(plain) == 4
    assert read(pack(data)).references == plain
    assert read(pack(as_blender_5_writes(data))).references == plain


FOLDERS = {
    Reference(path="//c", kind="points"): (["dust_000001_00.bphys", "smoke_000001_00.vdb"], ["a.txt", "a/b.bphys"]),
    Reference(path="//c", kind="points", name="dust"): (
        ["dust_000001_00.bphys", "dust_-00001.vdb"],
        ["dust_a_000001_00.bphys", "dust2_000001_00.bphys", "other_000001_00.bphys", "dust.vdb"],
    ),
    Reference(path="//c", kind="fluid"): (
        ["config/config_0001.uni", "data/fluid_data_0001.vdb", "mesh/fluid_mesh_0001.bobj.gz"],
        ["script/smoke.py", "data.vdb", "other/a.vdb", "data/cities.vdb"],
    ),
    Reference(path="//c", kind="ocean"): (["disp_0001.exr", "foam_0001.exr"], ["id_rsa", "disp.exr"]),
    Reference(path="//c", kind="bake"): (
        ["123/meta/00001_00000.json", "123/blobs/00001_00000.blob", "meta/1.json"],
        ["123/a.json", "a/meta/1.json", "1/2/meta/1.json"],
    ),
}


@pytest.mark.parametrize("reference", FOLDERS, ids=lambda reference: f"{reference.kind}-{reference.name}")
def test_a_folder_stands_for_the_files_that_blender_reads_in_a_bucket_and_on_disk(
    reference: Reference, tmp_path: Path
) -> None:
    own, others = FOLDERS[reference]
    store, disk = MemoryStore(), Disk(scene=tmp_path / "film/shot.blend", file="film/shot.blend")
    for name in own + others:
        store.put("scenes", f"film/c/{name}", b"data")
        # A folder with a similar name does not count.
        store.put("scenes", f"film/c2/{name}", b"data")
        path = tmp_path / "film/c" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"data")
    for shelf in (store, disk):
        found = find_assets(shelf, "scenes", "film/shot.blend", [reference])
        assert [asset.key for asset in found.assets] == sorted(f"film/c/{name}" for name in own)
        assert found.missing == ()


@pytest.mark.parametrize("scene", ["shot.blend", "film/shot.blend"])
@pytest.mark.parametrize("kind", ["points", "fluid", "ocean", "bake"])
def test_a_cache_in_the_scenes_own_folder_gets_its_files_alone(scene: str, kind: PathKind) -> None:
    [reference] = [one for one in FOLDERS if one.kind == kind and (kind != "points" or one.name)]
    own, others = FOLDERS[reference]
    store, home = MemoryStore(), scene.removesuffix("shot.blend")
    for name in [*own, *others, "shot.blend", "other.blend", "film.mp4", "out/000001.png"]:
        store.put("scenes", home + name, b"data")
    found = find_assets(store, "scenes", scene, [replace(reference, path="//")])
    assert [asset.key for asset in found.assets] == sorted(home + name for name in own)


def test_a_file_is_missing_if_any_reference_requires_it() -> None:
    spared, wanted = Reference(path="//a.png", required=False), Reference(path="//a.png")
    for references, missing in (([spared], ()), ([spared, wanted], ("//a.png",)), ([wanted, spared], ("//a.png",))):
        assert find_assets(MemoryStore(), "scenes", "film/shot.blend", references).missing == missing
    folder = Reference(path="//blendcache_shot", kind="points")
    assert find_assets(MemoryStore(), "scenes", "film/shot.blend", [folder]).missing == ("//blendcache_shot",)


PARTS = "\n".join([
    *(KINDS[kind][0] for kind in ("mesh cache", "bake of geometry nodes", "strip of images", "lamp's profile")),
    letters(MODIFIER, "//note.txt"),
])  # fmt: skip


@given(
    st.lists(
        st.tuples(st.integers(0), st.integers(0, 1500), st.sampled_from([b"\xff" * 4, b"\0" * 8, b"\x7f\xff\xff\xff"])),
        min_size=1,
        max_size=4,
    )
)
def test_damaged_structs_are_unreadable_or_read_in_bounded_time(damage: list[tuple[int, int, bytes]]) -> None:
    data = bytearray(_with_parts())
    heads = _heads_of_parts()
    for number, offset, word in damage:
        # Damage the head of the block too: the number of its structs, and their type.
        at = heads[number % len(heads)] + offset
        data[at : at + len(word)] = word
    begun = time.process_time()
    with contextlib.suppress(SceneUnreadable):
        read(bytes(data))
    assert time.process_time() - begun < 5.0


def test_thousands_of_structs_that_share_a_long_list_take_no_more_time_than_one() -> None:
    """Ten thousand strips share a list of ten thousand names; following each would take a hundred million steps."""
    data, kinds = _with_parts(), _kinds()
    [strip] = [data[at : at + 24 + size] for at, code, size in blocks(data) if _kind(data, at) == kinds[b"Sequence"]]
    [names] = [at for at, code, size in blocks(data) if _kind(data, at) == kinds[b"StripElem"]]
    code, size, address, kind, _ = struct.unpack_from("<4siQii", data, names)
    long = struct.pack("<4siQii", code, 268 * 10_000, address, kind, 10_000)
    body = b"".join(b"%05d.png" % number + bytes(268 - 9) for number in range(10_000))
    data = data[:names] + strip * 10_000 + long + body + data[names + 24 + size :]
    begun = time.process_time()
    assert len(read(data).references) > 10_000
    assert time.process_time() - begun < 10.0


def test_thousands_of_node_groups_that_share_nodes_take_no_more_time_than_one(tmp_path: Path) -> None:
    also = letters(SOCKET, "//note.txt") + "for _ in range(400): group.nodes.new('FunctionNodeInputString')\n"
    data = make_scene(tmp_path / "shot.blend", also=also).read_bytes()
    [(at, size)] = [(at, size) for at, code, size in blocks(data) if code == b"NT\0\0"]
    begun = time.process_time()
    references = read(data[:at] + data[at : at + 24 + size] * 2000 + data[at + 24 + size :]).references
    assert references == (Reference(path="//note.txt"),)
    assert time.process_time() - begun < 10.0


@cache
def _with_parts() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return make_scene(Path(folder, "shot.blend"), also=PARTS).read_bytes()


@cache
def _kinds() -> dict[bytes, int]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "shot.blend")
        path.write_bytes(_with_parts())
        with BlendFile(path) as blend:
            return dict(blend.sdna_index_from_id)


def _kind(data: bytes, at: int) -> int:
    number: int = struct.unpack_from("<i", data, at + 16)[0]
    return number if data[at : at + 4] == b"DATA" else -1


@cache
def _heads_of_parts() -> list[int]:
    kept = {number for name, number in _kinds().items() if name in condense.KEPT_STRUCTS | condense.IMPORT_STRUCTS}
    return [at for at, _, _ in blocks(_with_parts()) if _kind(_with_parts(), at) in kept]
