"""Functions that die are called again."""

import json
import os
import signal
from pathlib import Path

from frameloom.model.job_status import JobStatus
from tests.e2e.rig import Rig, wait
from tests.scenes import make_scene
from tests.video_probe import probe


def test_functions_that_are_killed_in_the_middle_are_called_again(rig: Rig, tmp_path: Path) -> None:
    # Large enough to be caught in the making of its film.
    scene = make_scene(tmp_path / "large.blend", frames=(1, 6), size=(1920, 1080))
    rig.upload_quietly(scene, "dying.blend")
    job_id = rig.start(file="dying.blend", output="frames")
    assert rig.end_of(job_id).status is JobStatus.SUCCEEDED
    before = {runtime.pid for runtime in rig.runtimes()}
    film = rig.start(file="dying.blend", output="both", run=1)

    def encoding() -> bool:
        events = rig.states.get_execution_history(executionArn=rig.jobs._arn(film))["events"]
        started = (event.get("mapRunStartedEventDetails", {}).get("mapRunArn", "") for event in events)
        runs = [arn for arn in started if "/EncodeSegments:" in arn]
        return any(rig.states.describe_map_run(mapRunArn=arn)["itemCounts"]["running"] for arn in runs)

    called = encoder_calls(rig)
    wait(encoding, "the film to be made")
    dead = rig.runtimes()
    for runtime in dead:
        os.kill(runtime.pid, signal.SIGKILL)
    execution = rig.end_of(film)
    assert execution.status is JobStatus.SUCCEEDED, execution.cause
    assert before & {runtime.pid for runtime in dead}
    # Of its one segment.
    assert encoder_calls(rig) - called == 2, "no function was in the middle of anything"
    rig.store.download(rig.stack.buckets.scenes, "dying.mp4", tmp_path / "film.mp4")
    assert probe(tmp_path / "film.mp4").frames == 6


def encoder_calls(rig: Rig) -> int:
    """Return the number of calls of EncodeSegment, by the recorded calls: the emulator keeps no history of children."""
    lines = map(json.loads, rig.calls.read_text(encoding="utf-8").splitlines())
    return sum(line["service"] == "lambda" and "EncodeSegmentFunction" in line["uri"] for line in lines)
