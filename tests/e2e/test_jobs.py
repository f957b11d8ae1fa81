"""Jobs through the real state machine, the real Lambdas, a real queue, real workers and a real Blender."""

import io
import json
import os
import signal
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from frameloom.model import keys
from frameloom.model.job_status import JobStatus
from frameloom.model.log_event import LogEvent
from frameloom.services.storage import job_documents
from tests.e2e.conftest import LEASE_SECONDS
from tests.e2e.rig import Rig, wait
from tests.scenes import make_scene
from tests.unit.video_images import pictures, sample
from tests.video_probe import VideoFacts, probe

EXAMPLE = Path(__file__).parents[2] / "examples/rolling_ball.blend"


def test_a_console_input_of_digit_strings_becomes_a_film(rig: Rig, tiny: Path, tmp_path: Path) -> None:
    rig.upload_quietly(tiny, "console.blend")
    execution = rig.run(file="console.blend", start="1", end="5", video={"codec": "av1", "quality": "30"})
    assert execution.status is JobStatus.SUCCEEDED, execution.cause
    assert execution.output["frames"] == {"total": 5, "rendered": 5, "reused": 0, "missing": 0}
    facts = facts_of(rig, "console.mp4", tmp_path)
    assert (facts.codec, facts.frames, facts.fps, facts.size) == ("libdav1d", 5, Fraction(24), (64, 36))
    assert rig.queue_is_empty()


def test_an_upload_starts_a_job_with_the_scenes_own_frames(rig: Rig, tiny: Path, tmp_path: Path) -> None:
    execution = rig.end_of(started_by(rig, lambda: rig.upload(tiny, "film/uploaded.blend")))
    assert execution.status is JobStatus.SUCCEEDED, execution.cause
    assert rig.frames("film/uploaded") == [1, 2, 3, 4, 5]
    facts = facts_of(rig, "film/uploaded.mp4", tmp_path)
    assert (facts.codec, facts.frames, facts.duration) == ("h264", 5, Fraction(5, 24))


def test_films_of_other_frames_and_settings_lie_beside_the_first_in_the_scenes_shape(rig: Rig, tmp_path: Path) -> None:
    also = "scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = 40, 33"
    rig.upload_quietly(make_scene(tmp_path / "shot.blend", frames=(1, 3), also=also), "wide/shot.blend")
    made = {}
    for fields in ({}, {"frames": "1005"}, {"resolution_percentage": 50}, {"output": "video", "fps": "12"}, {}):
        job_id = rig.start(file="wide/shot.blend", **fields)
        execution = rig.end_of(job_id)
        assert execution.status is JobStatus.SUCCEEDED, execution.cause
        film = execution.output["video"]["key"]
        assert rig.report(job_id)["summary"]["video"]["key"] == film
        facts = facts_of(rig, film, tmp_path)
        made[film] = (facts.frames, facts.size, facts.fps, facts.pixel_aspect)
        rig.s3.put_object(Bucket=rig.stack.buckets.scenes, Key="wide/shot_v002.mp4", Body=b"somebody's")
    shape = Fraction(40, 33)
    assert made == {
        "wide/shot.mp4": (3, (64, 36), Fraction(24), shape),
        "wide/shot_v003.mp4": (1, (64, 36), Fraction(24), shape),
        "wide/shot_v004.mp4": (3, (32, 18), Fraction(24), shape),
        "wide/shot_v005.mp4": (3, (64, 36), Fraction(12), shape),
    }
    assert film == "wide/shot.mp4"
    assert rig.store.get(rig.stack.buckets.scenes, "wide/shot_v002.mp4") == b"somebody's"


def facts_of(rig: Rig, film: str, folder: Path) -> VideoFacts:
    """Decode a film in its scene's folder."""
    path = folder / Path(film).name
    rig.store.download(rig.stack.buckets.scenes, film, path)
    return probe(path)


def started_by(rig: Rig, action: Callable[[], None]) -> str:
    """Return the id of the job that an action starts."""
    before = {execution.job_id for execution in rig.jobs.list(limit=1000)}
    action()
    return wait(
        lambda: next((job.job_id for job in rig.jobs.list(limit=1000) if job.job_id not in before), None),
        "a job that starts by itself",
    )


def test_an_uploads_metadata_overrides_the_scene(rig: Rig, tiny: Path) -> None:
    job_id = started_by(rig, lambda: rig.upload(tiny, "metadata.blend", frames="2,4", output="frames"))
    assert rig.end_of(job_id).status is JobStatus.SUCCEEDED
    assert rig.frames("metadata") == [2, 4]
    assert rig.store.head(rig.stack.buckets.scenes, "metadata.mp4") is None


def test_a_job_that_runs_again_renders_nothing(rig: Rig, tmp_path: Path) -> None:
    transparent = "scene.render.film_transparent = True"
    rig.upload_quietly(make_scene(tmp_path / "again.blend", frames=(1, 5), also=transparent), "again.blend")
    execution = rig.run(file="again.blend", video={"codec": "h265"})
    assert execution.status is JobStatus.SUCCEEDED, execution.cause
    written = rig.frame_writes("again")
    # Another codec is no reason to render.
    execution = rig.run(file="again.blend", video={"codec": "prores"})
    assert execution.output["frames"] == {"total": 5, "rendered": 0, "reused": 5, "missing": 0}
    assert rig.frame_writes("again") == written
    # The film of the job before stays beside this one, which has the transparency of its frames.
    assert execution.output["video"]["key"] == "again.mov"
    buckets = rig.stack.buckets
    for bucket, key in [(buckets.scenes, "again.mov"), (buckets.logs, keys.segment_key(execution.job_id, 0, "mov"))]:
        assert rig.s3.head_object(Bucket=bucket, Key=key)["ContentType"] == "video/quicktime"
    facts = {name: facts_of(rig, name, tmp_path) for name in ("again.mp4", "again.mov")}
    assert [facts[name].codec for name in facts] == ["hevc", "prores"]
    assert {(each.frames, each.fps, each.duration) for each in facts.values()} == {(5, Fraction(24), Fraction(5, 24))}
    assert {sample(picture, plane=3, x=0, y=0) for picture in pictures(tmp_path / "again.mov")} == {0}
    assert {sample(picture, plane=3, x=32, y=18) for picture in pictures(tmp_path / "again.mov")} == {4095}


def test_a_stereo_job_stores_each_view_and_films_the_first(rig: Rig, tmp_path: Path) -> None:
    views = "scene.render.use_multiview = True; scene.camera.data.stereo.interocular_distance = 1.0"
    rig.upload_quietly(make_scene(tmp_path / "stereo.blend", frames=(1, 3), also=views), "stereo.blend")
    execution = rig.run(file="stereo.blend")
    assert execution.status is JobStatus.SUCCEEDED, execution.cause
    assert execution.output["frames"] == {"total": 3, "rendered": 3, "reused": 0, "missing": 0}
    job = job_documents.load_job(rig.store, rig.stack.buckets, execution.job_id)
    stored = [each.key for each in rig.store.list(rig.stack.buckets.frames, job.outputs.prefix)]
    names = [f"00000{frame}_{view}.png" for frame in (1, 2, 3) for view in "LR"]
    assert stored == [job.outputs.prefix + name for name in names]
    left, right = (rig.store.get(rig.stack.buckets.frames, key) for key in stored[:2])
    assert left != right
    assert facts_of(rig, "stereo.mp4", tmp_path).frames == 3
    [notice] = job.notices or ()
    assert notice.text == "The film shows the view 'left' alone; the frames have all views."
    # A frame without one of its views is rendered again, whole.
    rig.s3.delete_object(Bucket=rig.stack.buckets.frames, Key=stored[3])
    assert rig.run(file="stereo.blend").output["frames"] == {"total": 3, "rendered": 1, "reused": 2, "missing": 0}


def test_a_job_that_overlaps_an_earlier_one_renders_only_the_rest(rig: Rig, tiny: Path) -> None:
    rig.upload_quietly(tiny, "overlap.blend")
    rig.run(file="overlap.blend", frames="1-3", output="frames")
    execution = rig.run(file="overlap.blend", frames="2-5", output="frames")
    assert execution.output["frames"] == {"total": 4, "rendered": 2, "reused": 2, "missing": 0}


def test_a_film_that_cannot_be_made_fails_in_the_words_of_the_segment_that_failed(rig: Rig, tiny: Path) -> None:
    rig.upload_quietly(tiny, "spoilt.blend")
    assert rig.run(file="spoilt.blend", frames="1-2", output="frames").status is JobStatus.SUCCEEDED
    [_, frame] = rig.frame_writes("spoilt")
    rig.s3.put_object(Bucket=rig.stack.buckets.frames, Key=frame, Body=b"no image")
    job_id = rig.start(file="spoilt.blend", frames="1-2", output="video")
    execution = rig.end_of(job_id)
    # The distributed Map's own words are that a threshold was exceeded.
    assert (execution.status, execution.error) == (JobStatus.FAILED, "FrameInvalid")
    assert str(execution.cause).startswith("Frame 2 is invalid")
    summary = rig.report(job_id)["summary"]
    assert (summary["error"], summary["cause"]) == (execution.error, execution.cause)
    assert rig.store.head(rig.stack.buckets.scenes, "spoilt.mp4") is None


def test_an_edited_scene_never_meets_old_frames(rig: Rig, tiny: Path, steady: Path) -> None:
    rig.upload_quietly(tiny, "edited.blend")
    rig.run(file="edited.blend", frames="1", output="frames")
    rig.upload_quietly(steady, "edited.blend")
    execution = rig.run(file="edited.blend", frames="1", output="frames")
    assert execution.output["frames"]["rendered"] == 1
    assert rig.frames("edited") == [1, 1]


@pytest.mark.parametrize(
    ("request_", "frames"),
    [
        ({"start": 3, "end": 5, "chunk_size": 2}, [3, 4, 5]),
        ({"frames": "-2-2:2,5"}, [-2, 0, 2, 5]),
        ({"start": "2", "end": "5", "step": "3"}, [2, 5]),
        ({"frames": "1-5", "chunk_size": 3, "max_workers": 1}, [1, 2, 3, 4, 5]),
    ],
    ids=["start other than 1", "negative", "step", "chunk size that does not divide"],
)
def test_exactly_the_frames_asked_for_are_rendered(
    rig: Rig, tiny: Path, request_: dict[str, Any], frames: list[int], request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.id.replace(" ", "-")
    rig.upload_quietly(tiny, f"{name}.blend")
    execution = rig.run(file=f"{name}.blend", output="frames", **request_)
    assert execution.status is JobStatus.SUCCEEDED, execution.cause
    assert rig.frames(name) == frames


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"start": 5, "end": 1}, "InvalidRequest"),
        ({"frames": "10-1"}, "InvalidRequest"),
        ({"frames": ""}, "InvalidRequest"),
        ({"frames": "1-5", "colour": "red"}, "InvalidRequest"),
        ({"frames": "1-5", "camera": "Nobody"}, "InvalidRequest"),
        ({"frames": "1-5", "trust_scripts": True}, "InvalidRequest"),
        ({"file": "nowhere.blend"}, "SceneNotFound"),
        ({"file": "refuse"}, "InvalidRequest"),
    ],
)
def test_what_cannot_succeed_fails_before_a_worker_starts(
    rig: Rig, tiny: Path, request_: dict[str, Any], error: str
) -> None:
    rig.upload_quietly(tiny, "refused.blend")
    job_id = rig.start(**{"file": "refused.blend", **request_})
    execution = rig.end_of(job_id)
    assert (execution.status, execution.error) == (JobStatus.FAILED, error)
    assert rig.report(job_id)["summary"]["error"] == error
    assert rig.frames("refused") == []


def test_an_input_that_is_no_object_fails_in_words(rig: Rig) -> None:
    rig.states.start_execution(stateMachineArn=rig.stack.machine, name="no-object", input="[1]")
    execution = rig.end_of("no-object")
    assert (execution.status, execution.error) == (JobStatus.FAILED, "InvalidRequest")


def test_what_only_blender_can_see_fails_the_job_at_once_in_its_own_words(rig: Rig, tiny: Path) -> None:
    rig.upload_quietly(tiny, "unreadable.blend")
    [pid] = rig.farm.workers
    os.kill(pid, signal.SIGSTOP)
    try:
        job_id = rig.start(file="unreadable.blend", frames="1-4", chunk_size=1, output="frames")
        # The worker is stopped, and this test answers in its place.
        message = wait(lambda: take(rig, job_id), "a message of the job")
        result = {"chunk_id": message["chunk_id"], "frames": "1", "worker": "test", "attempt": 0}
        result |= {"error": "SceneUnreadable", "cause": "Blender did not open it."}
        key = keys.result_key(job_id, message["chunk_id"], attempt=0, worker="test")
        rig.store.put(rig.stack.buckets.logs, key, json.dumps(result).encode())
        rig.states.send_task_failure(taskToken=message["task_token"], error=result["error"], cause=result["cause"])
        execution = rig.end_of(job_id)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (execution.status, execution.error) == (JobStatus.FAILED, "SceneUnreadable")
    assert execution.cause == "Blender did not open it."
    assert wait(rig.queue_is_empty, "the other chunks' messages to be dropped")
    assert rig.frames("unreadable") == []


def take(rig: Rig, job_id: str) -> dict[str, Any] | None:
    """Take a message of a job off the chunk queue."""
    answer = rig.sqs.receive_message(QueueUrl=rig.stack.chunk_queue, WaitTimeSeconds=1)
    for message in answer.get("Messages", []):
        body: dict[str, Any] = json.loads(message["Body"])
        if body["job_id"] == job_id:
            rig.sqs.delete_message(QueueUrl=rig.stack.chunk_queue, ReceiptHandle=message["ReceiptHandle"])
            return body
    return None


def test_a_canceled_job_stops_its_worker_within_one_heartbeat(rig: Rig, slow: Path, tiny: Path) -> None:
    rig.upload_quietly(slow, "canceled.blend")
    rig.upload_quietly(tiny, "after.blend")
    job_id = rig.start(file="canceled.blend", frames="1-4", chunk_size=1, output="frames")
    rig.wait_for_log(job_id, LogEvent.FRAME_STARTED)
    rig.jobs.stop(job_id, reason="canceled by the test")
    canceled = time.monotonic()
    rig.wait_for_log(job_id, LogEvent.CHUNK_RELEASED)
    # A heartbeat is a quarter of the lease; the log takes a second or two to arrive.
    assert time.monotonic() - canceled < LEASE_SECONDS / 4 + 4
    execution = rig.jobs.describe(job_id)
    assert execution is not None
    assert execution.status is JobStatus.CANCELED
    # The canceled job's messages are dropped unrendered, so the next job's turn comes at once.
    assert rig.run(file="after.blend", frames="1", output="frames").status is JobStatus.SUCCEEDED
    assert rig.frames("canceled") == []
    assert wait(rig.queue_is_empty, "an empty queue")


def test_a_worker_killed_in_mid_chunk_costs_no_frame(rig: Rig, steady: Path) -> None:
    rig.upload_quietly(steady, "killed.blend")
    job_id = rig.start(file="killed.blend", frames="1-12", chunk_size=12, output="frames")
    wait(lambda: len(rig.frames("killed")) >= 2, "two frames")
    [pid] = rig.farm.workers
    os.kill(pid, signal.SIGKILL)
    kept = rig.frame_writes("killed")
    execution = rig.end_of(job_id)
    assert execution.status is JobStatus.SUCCEEDED, execution.cause
    assert rig.frames("killed") == list(range(1, 13))
    # The dead worker's finished frames were not rendered again, and no attempt was used.
    after = rig.frame_writes("killed")
    assert {key: after[key] for key in kept} == kept
    assert {chunk["attempt"] for chunk in rig.report(job_id)["chunks"]} == {0}


def test_submit_job_starts_once_and_afterwards_describes(rig: Rig, tiny: Path) -> None:
    rig.upload_quietly(tiny, "submitted.blend")

    def submit() -> dict[str, Any]:
        event = {"file": "submitted.blend", "start": "1", "end": "2"}
        name = rig.farm.outputs["SubmitJobFunctionName"]
        answer = rig.functions.invoke(FunctionName=name, Payload=json.dumps(event))
        document: dict[str, Any] = json.loads(answer["Payload"].read())
        return document

    first, second = submit(), submit()
    assert (first["started"], second["started"]) == (True, False)
    assert first["job_id"] == second["job_id"]
    rig.end_of(first["job_id"])
    third = submit()
    assert (third["started"], third["status"]) == (False, "succeeded")
    assert third["frames"] == {"done": 2, "total": 2}


def test_one_farm_renders_the_example_with_two_blenders(rig: Rig) -> None:
    """Its one worker ends the Blender of one version to start the other."""
    rig.upload_quietly(EXAMPLE, "two/ball.blend")
    request = {"file": "two/ball.blend", "frames": "1-2", "samples": 1, "resolution_percentage": 10, "output": "frames"}
    jobs = {version: rig.start(**request, blender=version) for version in ("4.5", "5.0")}
    used, frames = {}, {}
    for asked, job_id in jobs.items():
        assert rig.end_of(job_id).status is JobStatus.SUCCEEDED
        job = job_documents.load_job(rig.store, rig.stack.buckets, job_id)
        used[asked] = job.settings.blender
        png = rig.store.get(rig.stack.buckets.frames, job.frame_key(2))
        frames[asked] = Image.open(io.BytesIO(png or b"")).convert("RGB")
    assert used == {"4.5": "4.5.15", "5.0": "5.0.1"}
    assert frames["4.5"].size == frames["5.0"].size == (64, 36)
    # Every other version of Blender rounds a few pixels differently.
    difference = ImageStat.Stat(ImageChops.difference(frames["4.5"], frames["5.0"])).mean
    assert 0 < max(difference) < 8
    # Blender 4.5 saved the example.
    assert rig.run(**request).output["frames"]["reused"] == 2
