"""A large job of a new scene renders three scout frames first, which measure the time of the others."""

from pathlib import Path
from typing import Any

from frameloom.model.frames import FrameRange
from frameloom.model.job_status import JobStatus
from tests.e2e.rig import Rig
from tests.scenes import make_scene


def chunks_by_round(rig: Rig, job_id: str) -> dict[str, list[dict[str, Any]]]:
    """Return how a job's chunks ended, by the round in which they were sent."""
    found: dict[str, list[dict[str, Any]]] = {}
    for chunk in rig.report(job_id)["chunks"]:
        found.setdefault(chunk["chunk_id"].partition("-")[0], []).append(chunk)
    return found


def test_a_scene_that_cannot_render_fails_after_three_frames(rig: Rig, tmp_path: Path) -> None:
    broken = make_scene(tmp_path / "broken.blend", frames=(1, 100), broken=range(1, 101))
    rig.upload_quietly(broken, "broken.blend")
    job_id = rig.start(file="broken.blend", output="frames", format="OPEN_EXR", max_workers=2)
    execution = rig.end_of(job_id)
    assert (execution.status, execution.error) == (JobStatus.FAILED, "FramesMissing")
    assert execution.cause is not None
    assert "Frames 1, 51, 100, rendered first, failed. The last attempt failed with FrameInvalid" in execution.cause
    # All of their attempts, and no other frame.
    assert sorted((chunk["frames"], chunk["attempt"]) for chunk in rig.report(job_id)["chunks"]) == [
        (frame, attempt) for frame in ("1", "100", "51") for attempt in range(3)
    ]
    assert rig.frames("broken") == []


def test_a_scene_that_renders_goes_on_with_chunks_of_what_its_scouts_measured(rig: Rig, tmp_path: Path) -> None:
    rig.upload_quietly(make_scene(tmp_path / "quick.blend", frames=(1, 100)), "quick.blend")
    first = rig.start(file="quick.blend", output="frames", max_workers=2)
    assert rig.end_of(first).status is JobStatus.SUCCEEDED
    assert rig.frames("quick") == list(range(1, 101))
    rounds = chunks_by_round(rig, first)
    assert sorted(int(chunk["frames"]) for chunk in rounds["0"]) == [1, 51, 100]
    assert sorted(frame for chunk in rounds["1"] for frame in FrameRange.parse(chunk["frames"])) == [
        *range(2, 51), *range(52, 100),
    ]  # fmt: skip
    # Frames of some hundredths of a second: without their times it would be 16, 16, 11, ...
    assert max(chunk["rendered"] for chunk in rounds["1"]) > 25
    # Their times are known now: the next job of the scene has no use for scouts.
    second = rig.start(file="quick.blend", output="frames", frames="1-200", max_workers=2)
    assert rig.end_of(second).status is JobStatus.SUCCEEDED
    assert set(chunks_by_round(rig, second)) == {"1"}
