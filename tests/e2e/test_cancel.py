"""Canceled jobs, in every way to cancel: their workers stop, other jobs continue, finished frames stay."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from frameloom.model.job_status import JobStatus
from frameloom.model.log_event import LogEvent
from tests.e2e.rig import Rig, wait

FRAMELOOM = str(Path(sys.executable).with_name("frameloom"))


def by_the_console(rig: Rig, job_id: str) -> None:
    rig.states.stop_execution(executionArn=rig.jobs._arn(job_id))


def by_the_command_line(rig: Rig, job_id: str) -> None:
    del rig
    command = [FRAMELOOM, "cancel", job_id, "--reason", "wrong camera", "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    (answer,) = json.loads(ran.stdout)
    assert (answer["job_id"], answer["status"]) == (job_id, "canceled")


def started_again(job_id: str) -> str:
    """Start a job again by the command line and return the new one's id."""
    command = [FRAMELOOM, "retry", job_id, "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    again: str = json.loads(ran.stdout)["job_id"]
    return again


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("cancel", [by_the_console, by_the_command_line])
def test_a_canceled_job_stops_and_another_continues(
    rig: Rig, slow: Path, steady: Path, cancel: Callable[[Rig, str], None]
) -> None:
    stem = f"cancel-{cancel.__name__}"
    rig.upload_quietly(slow, f"{stem}.blend")
    rig.upload_quietly(steady, f"{stem}-other.blend")
    job_id = rig.start(file=f"{stem}.blend", frames="1-3", chunk_size=1, output="frames")
    rig.wait_for_log(job_id, LogEvent.FRAME_STARTED)
    other = rig.start(file=f"{stem}-other.blend", frames="1-4", chunk_size=2, output="frames")
    cancel(rig, job_id)
    assert rig.end_of(job_id).status is JobStatus.CANCELED
    rig.wait_for_log(job_id, LogEvent.CHUNK_RELEASED)
    assert rig.end_of(other).status is JobStatus.SUCCEEDED
    assert rig.frames(stem) == []
    counts = rig.report(other)["summary"]["frames"]
    assert counts == {"total": 4, "rendered": 4, "reused": 0, "missing": 0}
    assert {chunk["attempt"] for chunk in rig.report(other)["chunks"]} == {0}
    assert wait(rig.queue_is_empty, "an empty queue")


def test_ctrl_c_cancels_the_job_and_the_farm_continues(rig: Rig, home: Path, slow: Path) -> None:
    command = [FRAMELOOM, "render", str(slow), "--frames", "1-2", "--out", str(home / "out")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        # Its upload starts an execution as well, which ends at once.
        job_id = wait(
            lambda: next((job.job_id for job in rig.jobs.list(limit=1000) if job.job_id.startswith("slow-")), None),
            "a job",
        )
        rig.wait_for_log(job_id, LogEvent.FRAME_STARTED)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    execution = rig.end_of(job_id)
    assert (execution.status, execution.cause) == (JobStatus.CANCELED, "Interrupted at the command line.")
    rig.wait_for_log(job_id, LogEvent.CHUNK_RELEASED)
    assert wait(rig.queue_is_empty, "an empty queue")


@pytest.mark.usefixtures("home")
def test_a_canceled_job_that_starts_again_renders_only_what_is_missing(rig: Rig, steady: Path) -> None:
    rig.upload_quietly(steady, "redriven.blend")
    request = {"file": "redriven.blend", "frames": "1-8", "chunk_size": 2, "output": "frames"}
    job_id = rig.start(**request)
    wait(lambda: len(rig.frames("redriven")) >= 3, "some frames")
    by_the_command_line(rig, job_id)
    assert rig.end_of(job_id).status is JobStatus.CANCELED
    rig.wait_for_log(job_id, LogEvent.CHUNK_RELEASED)
    kept = rig.frame_writes("redriven")
    assert 3 <= len(kept) < 8
    summary = rig.wait_for_report(job_id)["summary"]
    assert (summary["status"], summary["error"], summary["cause"]) == ("canceled", "Canceled", "wrong camera")
    # The report counts the frames at the time of the cancel; a worker may have stored one more afterwards.
    assert 3 <= summary["frames"]["rendered"] <= len(kept)
    assert summary["frames"]["reused"] == 0
    told = json.loads(subprocess.run([FRAMELOOM, "status", job_id, "--json"], capture_output=True, check=True).stdout)
    assert (told["status"], told["report"]) == ("canceled", summary["report"])
    execution = rig.end_of(started_again(job_id))
    assert execution.status is JobStatus.SUCCEEDED, execution.cause
    counts = execution.output["frames"]
    assert counts == {"total": 8, "rendered": 8 - len(kept), "reused": len(kept), "missing": 0}
    after = rig.frame_writes("redriven")
    assert {key: after[key] for key in kept} == kept


def test_a_failed_job_that_starts_again_renders_only_what_is_missing(rig: Rig, steady: Path) -> None:
    rig.upload_quietly(steady, "failed.blend")
    request = {"file": "failed.blend", "frames": "1-8", "chunk_size": 8, "output": "frames"}
    job_id = rig.start(**request, queue_timeout=5, chunk_timeout=6)
    wait(lambda: len(rig.frames("failed")) >= 2, "some frames")
    # Its machine goes, and the others have no time for it.
    pids = rig.farm.workers
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        execution = rig.end_of(job_id)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    assert (execution.status, execution.error) == (JobStatus.FAILED, "FramesMissing")
    wait(rig.queue_is_empty, "an empty queue")
    kept = rig.frame_writes("failed")
    execution = rig.run(**request)
    assert execution.status is JobStatus.SUCCEEDED, execution.cause
    assert execution.output["frames"]["reused"] == len(kept) >= 2
    after = rig.frame_writes("failed")
    assert {key: after[key] for key in kept} == kept
