"""Jobs whose workers fail them: each ends, within its time-outs, with a reason."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from frameloom.model.status import JobStatus
from tests.e2e.rig import Rig, wait


@pytest.fixture
def nobody(rig: Rig) -> Iterator[None]:
    """No worker works while the test does: they are stopped, not gone."""
    pids = rig.farm.workers
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


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
    assert "The last attempt ended as ChunkLost" in (execution.cause or "")
    lost = [chunk for chunk in rig.report(job_id)["chunks"] if chunk.get("error") == "ChunkLost"]
    # Two rounds, and two attempts in each.
    assert sorted((chunk["chunk_id"], chunk["attempt"]) for chunk in lost) == [
        ("1-000000", 0), ("1-000000", 1), ("2-000000", 0), ("2-000000", 1),
    ]  # fmt: skip
