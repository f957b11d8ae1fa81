"""Jobs whose workers fail them: each ends, within its time-outs, with a reason."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from frameloom.model.job_status import JobStatus
from frameloom.model.log_event import LogEvent
from tests.e2e.rig import Rig, wait
from tests.scenes import make_scene
from tests.unit.blends import for_blender_alone


@pytest.fixture
def nobody(rig: Rig) -> Iterator[None]:
    """No worker works while the test does: they are stopped, not gone."""
    pids = rig.farm.workers
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def test_a_scene_of_one_colour_on_purpose_succeeds_after_one_more_attempt(rig: Rig, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "black.blend", frames=(1, 4), hidden=[1, 2, 3, 4])
    rig.upload_quietly(scene, "black.blend")
    job_id = rig.start(file="black.blend", output="frames", chunk_size=4)
    execution = rig.end_of(job_id)
    assert execution.status is JobStatus.SUCCEEDED, execution.cause
    assert rig.frames("black") == [1, 2, 3, 4]
    chunks = rig.report(job_id)["chunks"]
    assert [(chunk["attempt"], chunk.get("error")) for chunk in chunks] == [(0, "FrameInvalid"), (1, None)]


def test_a_scene_that_only_blender_can_read_is_inspected_by_a_worker_and_rendered(rig: Rig, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "odd.blend", frames=(1, 2))
    scene.write_bytes(for_blender_alone(scene.read_bytes()))
    rig.upload_quietly(scene, "odd.blend")
    job_id = rig.start(file="odd.blend", output="frames")
    execution = rig.end_of(job_id)
    assert execution.status is JobStatus.SUCCEEDED, execution.cause
    assert rig.frames("odd") == [1, 2]
    events = [record.get("event") for record in rig.log(job_id) if record.get("chunk_id") == "inspect"]
    assert [events.count(event) for event in (LogEvent.TASK_RECEIVED, LogEvent.TASK_SUCCEEDED)] == [1, 1]
    assert [chunk["rendered"] for chunk in rig.report(job_id)["chunks"]] == [2]


@pytest.mark.usefixtures("nobody")
def test_a_job_without_workers_ends_within_its_time_outs(rig: Rig, tiny: Path) -> None:
    rig.upload_quietly(tiny, "alone.blend")
    execution = rig.run(file="alone.blend", frames="1-2", output="frames", queue_timeout=1, chunk_timeout=2)
    assert (execution.status, execution.error) == (JobStatus.FAILED, "FramesMissing")
    assert "2 of 2 frames are missing: 1-2" in (execution.cause or "")


@pytest.mark.usefixtures("nobody")
def test_a_chunk_that_nobody_finishes_is_lost_and_the_job_says_so(rig: Rig, tiny: Path) -> None:
    rig.upload_quietly(tiny, "lost.blend")
    job_id = rig.start(file="lost.blend", frames="1-2", output="frames", on_missing="fail")

    def crash() -> bool:
        """Take messages as a worker does that dies at once, until the job has given up."""
        rig.sqs.receive_message(QueueUrl=rig.stack.chunk_queue, WaitTimeSeconds=1, VisibilityTimeout=0)
        execution = rig.jobs.describe(job_id)
        return execution is not None and execution.status.ended

    wait(crash, "the job to give up")
    execution = rig.end_of(job_id)
    assert (execution.status, execution.error) == (JobStatus.FAILED, "FramesMissing")
    assert "The last attempt failed with ChunkLost" in (execution.cause or "")
    lost = [chunk for chunk in rig.report(job_id)["chunks"] if chunk.get("error") == "ChunkLost"]
    # Two rounds, and two attempts in each; in the second each frame is a chunk of its own.
    assert sorted((chunk["chunk_id"], chunk["attempt"], chunk["frames"]) for chunk in lost) == [
        ("1-000000", 0, "1-2"), ("1-000000", 1, "1-2"),
        ("2-000000", 0, "1"), ("2-000000", 1, "1"), ("2-000001", 0, "2"), ("2-000001", 1, "2"),
    ]  # fmt: skip


def test_a_chunk_that_kills_three_workers_is_reported_with_its_frames_and_its_last_words(rig: Rig, slow: Path) -> None:
    rig.upload_quietly(slow, "poison.blend")
    job_id = rig.start(
        file="poison.blend", frames="1-2", chunk_size=1, output="frames", samples=16, resolution_percentage=50
    )

    def begun() -> list[dict[str, Any]]:
        return [
            record
            for record in rig.log(job_id)
            if record.get("chunk_id") == "1-000000" and record.get("event") == LogEvent.FRAME_STARTED
        ]

    for times in (1, 2, 3):
        wait(lambda times=times: len(begun()) == times, f"worker {times} to begin")  # type: ignore[misc]
        [worker] = wait(lambda: rig.farm.workers, "a worker")
        os.kill(worker, signal.SIGKILL)
    execution = rig.end_of(job_id)
    # The next attempt is not killed, and the other chunk never was.
    assert execution.status is JobStatus.SUCCEEDED, execution
    assert rig.frames("poison") == [1, 2]
    [lost] = [chunk for chunk in rig.report(job_id)["chunks"] if chunk.get("error")]
    assert (lost["error"], lost["chunk_id"], lost["frames"], lost["attempt"]) == ("ChunkLost", "1-000000", "1", 0)
    assert "with frames 1, but none finished it" in lost["cause"]
    # Blender's own words, each with its frame, and the last of them in the error.
    said = [record for record in rig.log(job_id) if record["facts"].get("source") == "Blender"]
    assert any(record["message"].startswith("Fra:1 ") and record["frame"] == 1 for record in said)
    assert any("Fra:1" in line for line in lost["log"])
    assert lost["log"][-1] in lost["cause"]


@pytest.mark.usefixtures("nobody")
def test_a_message_of_another_version_ends_its_task_with_that_for_a_reason(rig: Rig, tiny: Path) -> None:
    rig.upload_quietly(tiny, "version.blend")
    job_id = rig.start(file="version.blend", frames="1-2", output="frames", on_missing="fail")
    queue = rig.stack.chunk_queue
    changed: list[str] = []

    def change() -> bool:
        """Replace this job's message by one of another version, received three times."""
        answer = rig.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1, VisibilityTimeout=0)
        for message in answer.get("Messages", []):
            body = json.loads(message["Body"])
            if body["version"] == 1:
                rig.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                rig.sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(body | {"version": 9}))
                changed.append(body["chunk_id"])
        execution = rig.jobs.describe(job_id)
        return execution is not None and execution.status.ended

    wait(change, "the job to give up")
    execution = rig.end_of(job_id)
    assert changed
    assert (execution.status, execution.error) == (JobStatus.FAILED, "FramesMissing")
    assert "which has version 9, but the workers of this farm read version 1" in (execution.cause or "")
