"""What a job costs its orchestrator as it grows: events, bytes of state and requests, counted on the emulator.

A worker that answers at once stands for the fleet, so that what is counted is the orchestrator's alone.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from frameloom.local.farm import LocalFarm
from frameloom.model import keys
from frameloom.model.messages import ChunkMessage, ChunkResult
from frameloom.model.status import JobStatus
from frameloom.services import documents
from tests.e2e.rig import Rig
from tests.scenes import make_scene

# Step Functions ends an execution at 25,000 events and refuses a state of 256 KiB: far below either at any size.
EVENTS = 100
STATE = 32 * 1024
SIZES = (10, 60, 210)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    calls = tmp_path_factory.mktemp("scale") / "calls"
    with LocalFarm(workers=0, record=calls) as farm:
        yield Rig(farm, calls)


@contextmanager
def answering(rig: Rig) -> Iterator[None]:
    """Answer every chunk at once, as a worker does whose frames take no time."""
    over = threading.Event()

    def answer() -> None:
        while not over.is_set():
            received = rig.sqs.receive_message(
                QueueUrl=rig.stack.chunk_queue, MaxNumberOfMessages=10, WaitTimeSeconds=1
            )
            for sent in received.get("Messages", []):
                _render(rig, ChunkMessage.model_validate_json(sent["Body"]))
                rig.sqs.delete_message(QueueUrl=rig.stack.chunk_queue, ReceiptHandle=sent["ReceiptHandle"])

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _render(rig: Rig, message: ChunkMessage) -> None:
    frames = message.frame_range()
    for frame in frames:
        key = keys.frame_key(message.output.prefix, frame, message.settings.format)
        rig.store.put(message.output.bucket, key, b"image")
    result = ChunkResult(
        chunk_id=message.chunk_id, frames=message.frames, worker="w", attempt=0, rendered=len(frames), seconds=1
    )
    where = keys.result_key(message.job_id, message.chunk_id, attempt=message.attempt, worker="w")
    documents.write(rig.store, rig.stack.buckets.logs, where, result.to_json())
    rig.states.send_task_success(taskToken=message.task_token, output="{}")


def history(rig: Rig, job_id: str) -> list[dict[str, Any]]:
    """Return the events of the job's own execution; those of a Map's children are in executions of their own."""
    pages = rig.states.get_paginator("get_execution_history").paginate(executionArn=rig.jobs._arn(job_id))
    return [event for page in pages for event in page["events"]]


def largest_state(events: list[dict[str, Any]]) -> int:
    """Return the bytes of the largest input or output of a state."""
    details = [found for event in events for name, found in event.items() if name.endswith("EventDetails")]
    return max(len(found.get(name, "").encode()) for found in details for name in ("input", "output"))


def requests(rig: Rig, since: int) -> Counter[str]:
    """Return how many calls of S3 the functions have made since a line of the record, by method."""
    mine = rig.farm.environment["AWS_ACCESS_KEY_ID"]
    calls = [json.loads(line) for line in rig.calls.read_text().splitlines()[since:]]
    return Counter(call["method"] for call in calls if call["service"] == "s3" and call["principal"] != mine)


def test_a_job_costs_its_orchestrator_no_more_than_in_proportion_to_its_chunks(rig: Rig, tmp_path: Path) -> None:
    counted: dict[int, Counter[str]] = {}
    for size in SIZES:
        rig.upload_quietly(make_scene(tmp_path / f"of{size}.blend", frames=(1, size)), f"of{size}.blend")
        since = len(rig.calls.read_text().splitlines())
        with answering(rig):
            job_id = rig.start(file=f"of{size}.blend", output="frames", chunk_size=1, max_workers=40)
            assert rig.end_of(job_id).status is JobStatus.SUCCEEDED
        assert len(rig.frames(f"of{size}")) == size
        events = history(rig, job_id)
        assert len(events) < EVENTS
        assert largest_state(events) < STATE
        counted[size] = requests(rig, since)
    small, middle, large = (counted[size].total() for size in SIZES)
    assert small > 0
    first, second = SIZES[1] - SIZES[0], SIZES[2] - SIZES[1]
    # Listings come in pages, so a few requests more or less are no growth; twice as many a chunk would be.
    assert (large - middle) / second <= 1.2 * (middle - small) / first + 0.1, counted
