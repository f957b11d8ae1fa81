"""Jobs that between them have every part of the farm make every call that it ever makes."""

import json
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from frameloom.model import keys
from frameloom.model.job_status import JobStatus
from frameloom.model.log_event import LogEvent
from frameloom.model.messages import ChunkMessage
from frameloom.model.settings import CONTAINERS, VideoCodec
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Execution
from tests.e2e.rig import Rig, wait
from tests.scenes import make_scene, render_image
from tests.unit.blends import for_blender_alone

FOLDER = "every-call/"


def make_every_call(rig: Rig, tiny: Path, slow: Path) -> None:
    """Run jobs that make every kind of call; each function names its own."""
    _a_film(rig, tiny)
    _a_frame_of_one_colour(rig)
    _a_scene_and_its_texture(rig)
    _a_scene_for_blender_alone(rig, tiny)
    _what_is_not_there(rig)
    _submitted_jobs(rig)
    for codec in ("h264", "prores"):
        _a_segment_that_went_away(rig, codec)
    _a_frame_that_went_away(rig)
    _a_chunk_that_came_back(rig, slow)
    _a_worker_in_trouble(rig, slow)
    _a_scene_that_went_away(rig, tiny)


def _a_film(rig: Rig, tiny: Path) -> None:
    """Render, encode and stitch, two chunks side by side."""
    rig.upload_quietly(tiny, f"{FOLDER}film.blend")
    execution = rig.run(file=f"{FOLDER}film.blend", frames="1-2", chunk_size=1)
    assert execution.status is JobStatus.SUCCEEDED, execution.cause


def _a_frame_of_one_colour(rig: Rig) -> None:
    """Have a worker doubt a frame and then believe it."""
    with tempfile.TemporaryDirectory() as folder:
        rig.upload_quietly(make_scene(Path(folder, "black.blend"), frames=(1, 1), hidden=[1]), f"{FOLDER}black.blend")
    execution = rig.run(file=f"{FOLDER}black.blend", output="frames")
    assert execution.status is JobStatus.SUCCEEDED, execution.cause


def _a_scene_and_its_texture(rig: Rig) -> None:
    """Let a worker fetch the files of a scene."""
    with tempfile.TemporaryDirectory() as folder:
        rig.upload(render_image(Path(folder, "wood.png"), format="PNG"), f"{FOLDER}wood.png")
        rig.upload_quietly(make_scene(Path(folder, "bare.blend"), missing_image="//wood.png"), f"{FOLDER}bare.blend")
    execution = rig.run(file=f"{FOLDER}bare.blend", frames="1", output="frames")
    assert execution.status is JobStatus.SUCCEEDED, execution.cause


def _a_scene_for_blender_alone(rig: Rig, tiny: Path) -> None:
    """Let a worker inspect a scene that PrepareJob cannot read."""
    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder, "odd.blend")
        scene.write_bytes(for_blender_alone(tiny.read_bytes()))
        rig.upload_quietly(scene, f"{FOLDER}odd.blend")
    execution = rig.run(file=f"{FOLDER}odd.blend", frames="1", output="frames")
    assert execution.status is JobStatus.SUCCEEDED, execution.cause


def _what_is_not_there(rig: Rig) -> None:
    """Ask S3 for a scene that it has not."""
    assert rig.run(file=f"{FOLDER}nowhere.blend").error == "SceneNotFound"
    assert _submit(rig, file=f"{FOLDER}nowhere.blend")["errorType"] == "SceneNotFound"


def _lose_a_chunk(rig: Rig) -> str:
    """Have a chunk reach the dead-letter queue, while no worker looks for work, and return its job's id."""
    job_id = rig.start(file=f"{FOLDER}film.blend", frames="3", output="frames")
    body = wait(lambda: _taken(rig, job_id), "the job's message")
    rig.sqs.send_message(QueueUrl=rig.stack.dead_letter_queue, MessageBody=body)
    return job_id


def _taken(rig: Rig, job_id: str) -> str | None:
    for message in rig.sqs.receive_message(QueueUrl=rig.stack.chunk_queue, WaitTimeSeconds=1).get("Messages", []):
        body: str = message["Body"]
        if json.loads(body)["job_id"] == job_id:
            rig.sqs.delete_message(QueueUrl=rig.stack.chunk_queue, ReceiptHandle=message["ReceiptHandle"])
            return body
    return None


def _submitted_jobs(rig: Rig) -> None:
    """Start a job by `submit_job`, and call it again before and after the job's end."""
    request = {"file": f"{FOLDER}film.blend", "frames": "1-2", "output": "frames"}
    first, second = _submit(rig, **request), _submit(rig, **request)
    assert (first["started"], second["started"]) == (True, False)
    assert rig.end_of(first["job_id"]).status is JobStatus.SUCCEEDED
    assert _submit(rig, **request)["frames"] == {"done": 2, "total": 2}


def _submit(rig: Rig, **request: Any) -> dict[str, Any]:
    return _invoke(rig, rig.farm.outputs["SubmitJobFunctionName"], request)


def _a_segment_that_went_away(rig: Rig, codec: VideoCodec) -> None:
    """Make a film, spoil and then delete a segment of it, and stitch it once more."""
    execution = rig.run(file=f"{FOLDER}film.blend", frames="1-2", video={"codec": codec})
    assert execution.status is JobStatus.SUCCEEDED, execution.cause
    part = {
        "Bucket": rig.stack.buckets.logs,
        "Key": keys.segment_key(execution.job_id, 0, CONTAINERS[codec]),
    }
    assert rig.store.head(part["Bucket"], part["Key"]) is not None
    rig.s3.put_object(**part, Body=b"no film")
    _fails(rig, execution, "StitchVideo", "EncodeFailed")
    rig.s3.delete_object(**part)
    _fails(rig, execution, "StitchVideo", "EncodeFailed")


def _a_frame_that_went_away(rig: Rig) -> None:
    """Delete a frame, and encode the film of it once more."""
    execution = rig.run(file=f"{FOLDER}film.blend", frames="1-2")
    (frame, *_) = rig.frame_writes(f"{FOLDER}film")
    rig.s3.delete_object(Bucket=rig.stack.buckets.frames, Key=frame)
    _fails(rig, execution, "EncodeSegment", "EncodeFailed", segment={"segment": 0, "first": 0, "count": 2})
    _fails(rig, execution, "VerifyFrames", "FramesMissing", round=2)


def _fails(rig: Rig, execution: Execution, state: str, error: str, **event: Any) -> None:
    answer = _invoke(rig, _function(rig, state), {"job_id": execution.job_id, **event})
    assert answer["errorType"] == error, answer


def _a_scene_that_went_away(rig: Rig, tiny: Path) -> None:
    """Delete a scene between its job's start and its worker's."""
    scene = {"Bucket": rig.stack.buckets.scenes, "Key": f"{FOLDER}gone.blend"}
    # A worker keeps scenes by their bytes, and these it has not seen: Blender's files may go on behind their end.
    new = tiny.read_bytes() + b"-"
    with _nobody_at_work(rig):
        version = rig.s3.put_object(**scene, Body=new, Metadata={"frameloom-start": "no"})["VersionId"]
        job_id = rig.start(file=f"{FOLDER}gone.blend", frames="1", output="frames")
        wait(lambda: not rig.queue_is_empty(), "a message")
        rig.s3.delete_object(**scene, VersionId=version)
    execution = rig.end_of(job_id)
    assert execution.error == "SceneNotFound", execution


def _a_chunk_that_came_back(rig: Rig, slow: Path) -> None:
    """Let a worker receive a chunk that killed another worker, and report the chunk as lost."""
    rig.upload_quietly(slow, f"{FOLDER}poison.blend")
    job_id = rig.start(file=f"{FOLDER}poison.blend", frames="1", output="frames")
    chunk = rig.wait_for_log(job_id, LogEvent.FRAME_STARTED)["chunk_id"]
    [worker] = rig.farm.workers
    os.kill(worker, signal.SIGKILL)
    wait(lambda: _times_begun(rig, job_id) == 2, "another worker to render")
    rig.jobs.stop(job_id, reason="the test has seen enough")
    wait(rig.queue_is_empty, "an empty queue")
    job = job_documents.load_job(rig.store, rig.stack.buckets, job_id)
    message = ChunkMessage(
        version=1,
        task_token="of a job that has ended",
        job_id=job_id,
        chunk_id=chunk,
        attempt=0,
        scene=job.scene,
        frames="1",
        output=job.outputs,
        settings=job.settings,
    )
    rig.sqs.send_message(QueueUrl=rig.stack.dead_letter_queue, MessageBody=json.dumps(message.to_json()))
    lost = keys.result_key(job_id, chunk, attempt=0, worker="lost")
    result = wait(lambda: rig.store.get(rig.stack.buckets.logs, lost), "the chunk to be lost")
    assert json.loads(result)["log"]


def _a_worker_in_trouble(rig: Rig, slow: Path) -> None:
    """Let a worker return its chunk on SIGTERM, and kill the next worker's Blender.

    Meanwhile a chunk is lost, which is rendered in its next attempt.
    """
    rig.upload_quietly(slow, f"{FOLDER}slow.blend")
    [first] = wait(lambda: rig.farm.workers, "a worker")
    job_id = rig.start(file=f"{FOLDER}slow.blend", frames="1", output="frames")
    rig.wait_for_log(job_id, LogEvent.FRAME_STARTED)
    lost = _lose_a_chunk(rig)
    os.kill(first, signal.SIGTERM)
    wait(lambda: _times_begun(rig, job_id) == 2, "another worker to render")
    [second] = rig.farm.workers
    for child in psutil.Process(second).children(recursive=True):
        child.kill()
    wait(lambda: list(rig.store.list(rig.stack.buckets.logs, keys.results_prefix(job_id))), "the chunk to fail")
    # A message that waits for another attempt is dropped when its job is gone.
    rig.jobs.stop(job_id, reason="the test has seen enough")
    assert rig.end_of(lost).status is JobStatus.SUCCEEDED
    wait(rig.queue_is_empty, "an empty queue")


def _times_begun(rig: Rig, job_id: str) -> int:
    return sum(record.get("event") == LogEvent.FRAME_STARTED for record in rig.log(job_id))


@contextmanager
def _nobody_at_work(rig: Rig) -> Iterator[None]:
    """Stop the workers, for a while."""
    workers = rig.farm.workers
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)


def _function(rig: Rig, state: str) -> str:
    functions = rig.functions.list_functions()["Functions"]
    (name,) = [each["FunctionName"] for each in functions if f"-{state}Function-" in each["FunctionName"]]
    return str(name)


def _invoke(rig: Rig, function: str, event: dict[str, Any]) -> dict[str, Any]:
    answer = rig.functions.invoke(FunctionName=function, Payload=json.dumps(event))
    document: dict[str, Any] = json.loads(answer["Payload"].read())
    return document
