"""A scene with unbaked particles through the whole farm."""

import io
from pathlib import Path

import pytest
from PIL import Image

from frameloom.model.job_status import JobStatus
from frameloom.model.log_event import LogEvent
from tests.e2e.rig import Rig
from tests.scenes import make_scene

PARTICLES = """
settings = bpy.data.objects["Cube"].modifiers.new("Dust", "PARTICLE_SYSTEM").particle_system.settings
crumb = bpy.data.objects.new("Crumb", bpy.data.meshes["Cube"])
scene.collection.objects.link(crumb)
crumb.location.x = 50
settings.render_type, settings.instance_object = "OBJECT", crumb
settings.count, settings.frame_end, settings.normal_factor, settings.particle_size = 60, 6, 8, 0.3
# The random motion of a frame depends on the frames before.
settings.brownian_factor, settings.factor_random = 20, 2
"""


@pytest.fixture(scope="module")
def dusty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene with particles, of frames 1 to 6."""
    return make_scene(tmp_path_factory.mktemp("dusty") / "shot.blend", frames=(1, 6), also=PARTICLES)


def test_a_part_of_a_scene_with_particles_has_the_frames_of_the_whole(rig: Rig, dusty: Path) -> None:
    for folder in ("whole", "part"):
        rig.upload_quietly(dusty, f"{folder}/shot.blend")
    whole, part = (
        rig.start(file="whole/shot.blend", frames="1-6", output="frames", chunk_size=1),
        # A job of the last frames passes through the first ones, which it does not render.
        rig.start(file="part/shot.blend", frames="5-6", output="frames", chunk_size=1),
    )
    for job_id, chunk in ((whole, "1-6"), (part, "5-6")):
        execution = rig.end_of(job_id)
        assert execution.status is JobStatus.SUCCEEDED, execution.cause
        report = rig.report(job_id)
        assert {result["frames"] for result in report["chunks"]} == {chunk}
        [notice] = report["notices"]
        assert notice["text"].startswith("One worker renders all frames in order")
    assert rig.frames("part/shot") == [5, 6]
    assert pixels(rig, "part/shot")["000006.png"] == pixels(rig, "whole/shot")["000006.png"]
    assert rig.wait_for_log(part, LogEvent.FRAMES_PASSED)["facts"]["frames"] == "1-4"


def pixels(rig: Rig, folder: str) -> dict[str, bytes]:
    """Return the pixels of the frames below a folder, by their names."""
    bucket = rig.stack.buckets.frames
    stored = {
        one.key.rpartition("/")[2]: rig.store.get(bucket, one.key) or b"" for one in rig.store.list(bucket, folder)
    }
    return {name: Image.open(io.BytesIO(data)).convert("RGB").tobytes() for name, data in stored.items()}
