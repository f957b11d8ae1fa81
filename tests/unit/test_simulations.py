"""Unbaked simulations: found in a scene and its libraries, announced, and rendered in order."""

import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from blender_asset_tracer.blendfile import BlendFile
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model.errors import InvalidRequest
from frameloom.model.frames import FrameRange
from frameloom.model.job import SceneRef
from frameloom.model.messages import ChunkMessage
from frameloom.model.notices import NoticeKind
from frameloom.model.request import JobRequest
from frameloom.model.simulations import Order, Simulation, order_of, simulation_notices
from frameloom.services.plan_chunks import chunk_frames, worth_scouting
from frameloom.services.scene.reader import read_library, read_scene
from frameloom.testing import MemoryStore
from tests.jobs import DIGEST, make_job
from tests.scenes import make_scene
from tests.unit.preparation import Farm, resolved

# One object for each kind, and some that do not count.
ALL = """
def add(name):
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=2, y_subdivisions=2)
    bpy.context.object.name = name
    return bpy.context.object
def particles(name, physics, **settings):
    system = add(name).modifiers.new("p", "PARTICLE_SYSTEM").particle_system
    system.settings.physics_type = physics
    for field, value in settings.items():
        setattr(system.settings, field, value)
    return system
particles("Dust", "NEWTON")
particles("Birds", "BOIDS")
particles("Drops", "FLUID")
particles("Still", "NO")
particles("Keyed", "KEYED")
particles("Stiff", "NEWTON", type="HAIR")
particles("Wig", "NEWTON", type="HAIR").use_hair_dynamics = True
particles("Off", "NEWTON")
bpy.data.objects["Off"].modifiers[0].show_render = False
add("Flag").modifiers.new("c", "CLOTH")
add("Hidden flag").modifiers.new("c", "CLOTH").show_render = False
add("Jelly").modifiers.new("s", "SOFT_BODY")
add("Canvas").modifiers.new("d", "DYNAMIC_PAINT")
bpy.ops.dpaint.type_toggle(type="CANVAS")
add("Brick")
bpy.ops.rigidbody.world_add()
bpy.ops.rigidbody.object_add()
add("Drift")
group = bpy.data.node_groups.new("Zone", "GeometryNodeTree")
first, last = group.nodes.new("GeometryNodeSimulationInput"), group.nodes.new("GeometryNodeSimulationOutput")
first.pair_with_output(last)
bpy.context.object.modifiers.new("n", "NODES").node_group = group
"""
FOUND = {
    "particles": ["Birds", "Drops", "Dust"],
    "hair": ["Wig"],
    "cloth": ["Flag"],
    "soft body": ["Jelly"],
    "dynamic paint": ["Canvas"],
    "rigid bodies": ["Scene"],
    "simulation nodes": ["Zone"],
}
# A flag of DNA_object_force_types.h.
PTCACHE_BAKED = 1
DUST = Simulation(kind="particles", owner="Dust")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene with a simulation of each kind, all without a bake; its own frames are 3, 5, 7, 9, 11."""
    return make_scene(tmp_path_factory.mktemp("all") / "shot.blend", frames=(3, 12), step=2, also=ALL)


def test_the_unbaked_simulations_of_each_kind_are_found(scene: Path) -> None:
    found: dict[str, list[str]] = {}
    for simulation in read_scene(scene).simulations:
        found.setdefault(simulation.kind, []).append(simulation.owner)
    assert {kind: sorted(owners) for kind, owners in found.items()} == FOUND
    assert read_library(scene).simulations == read_scene(scene).simulations


def test_baked_simulations_are_not_found(scene: Path, tmp_path: Path) -> None:
    baked = Path(shutil.copy(scene, tmp_path / "baked.blend"))
    with BlendFile(baked, mode="r+b") as blend:
        for block in blend.find_blocks_from_code(b"DATA"):
            if block.dna_type.dna_type_id == b"PointCache":
                block.set(b"flag", block.get(b"flag") | PTCACHE_BAKED)
    # Geometry Nodes are baked apart from the other caches.
    assert read_scene(baked).simulations == (Simulation(kind="simulation nodes", owner="Zone"),)


def test_a_scene_without_simulations_keeps_its_render_key_and_has_no_order(tmp_path: Path) -> None:
    plain = make_scene(tmp_path / "shot.blend")
    job = resolved(plain)
    assert (job.order, job.notices, job.render_key) == (None, (), resolved(plain, bake="never").render_key)


def test_an_order_is_part_of_the_render_key_and_bake_never_has_none(scene: Path) -> None:
    ordered, divided = resolved(scene), resolved(scene, bake="never")
    assert (ordered.order, divided.order) == (Order(first=3, step=2), None)
    assert ordered.render_key != divided.render_key
    # A part of the scene's own frames has the pixels of the whole.
    assert resolved(scene, frames="7-9:2").render_key == ordered.render_key
    assert resolved(scene, frames="7-9:2", output="video").render_key == ordered.render_key
    # A frame between them changes the order.
    assert resolved(scene, frames="7-9").render_key != ordered.render_key


def test_bake_takes_two_values() -> None:
    with pytest.raises(InvalidRequest, match="bake: takes 'auto' or 'never', not 'maybe'"):
        JobRequest.read({"file": "shot.blend", "bake": "maybe"})


def test_a_job_of_a_scene_with_particles_announces_its_order(scene: Path) -> None:
    farm = Farm(scene.read_bytes())
    state = farm.prepare({"file": "film/shot.blend"})
    job = farm.job()
    assert job.notices is not None
    ordered, still = (notice for notice in job.notices if notice.kind is NoticeKind.SIMULATIONS)
    assert ordered.text.startswith("One worker renders all frames in order, since these simulations are not baked: ")
    assert set(ordered.items) == {
        "particles of 'Birds'", "particles of 'Drops'", "particles of 'Dust'", "hair of 'Wig'", "cloth of 'Flag'",
    }  # fmt: skip
    assert "they do not move in a render from the command line" in still.text
    assert "soft body of 'Jelly'" in still.items
    # The chunk's message has the order, since the state machine passes the scene on.
    assert state["scene"]["order"] == {"first": 3, "step": 2}
    message = ChunkMessage.read(
        {"version": 1, "task_token": "t", "job_id": "j", "chunk_id": "1-000000", "attempt": 0, "frames": "3-11:2"}
        | {name: state[name] for name in ("scene", "output", "settings")}
    )
    assert message.scene.order == Order(first=3, step=2)


def test_bake_never_is_announced(scene: Path) -> None:
    first, *_ = resolved(scene, bake="never").notices
    assert first.text.startswith("These simulations are not baked and may jump where a chunk begins: ")
    assert "`bake=never`" in first.text


def test_simulations_that_do_not_move_need_no_order() -> None:
    still = [Simulation(kind="rigid bodies", owner="Scene"), Simulation(kind="soft body", owner="Jelly")]
    assert order_of(still, scene=(1, 1), wanted=FrameRange.parse("1-10")) is None
    assert len(list(simulation_notices(still))) == 1


@pytest.mark.parametrize("round_number", [0, 1, 2])
def test_the_frames_of_an_order_are_one_chunk_in_each_round(round_number: int) -> None:
    scene = SceneRef(bucket="scenes", key="film/shot.blend", digest=DIGEST, order=Order(first=1))
    job = make_job(MemoryStore(), "1-5000", scene=scene, chunk_size=10)
    missing = FrameRange.parse("1-5,7-5000")
    assert not worth_scouting(job.model_copy(update={"chunk_size": None}), job.frame_range())
    assert list(chunk_frames(job, missing, None, round_number)) == [missing]
    assert list(chunk_frames(job, FrameRange(()), None, round_number)) == []


FRAMES = st.sets(st.integers(-5, 40), min_size=1).map(FrameRange.of)


@given(FRAMES, st.integers(-5, 20), st.integers(1, 5))
def test_an_order_passes_through_the_wanted_frames_and_all_of_the_scene_before_them(
    wanted: FrameRange, first: int, step: int
) -> None:
    order = order_of([DUST], scene=(first, step), wanted=wanted)
    assert order is not None
    passed, numbers = list(order.frames(wanted)), list(wanted)
    assert all(before < after for before, after in pairwise(passed))
    assert set(numbers) <= set(passed)
    assert passed[-1] == numbers[-1]
    assert set(range(first, numbers[-1] + 1, step)) <= set(passed)


@given(FRAMES, st.integers(-5, 20))
def test_the_missing_frames_of_a_job_pass_through_the_same_frames_as_all_of_it(wanted: FrameRange, first: int) -> None:
    order = order_of([DUST], scene=(first, 1), wanted=wanted)
    assert order is not None
    missing = FrameRange.of(list(wanted)[-1:])
    assert list(order.frames(missing)) == list(order.frames(wanted))
