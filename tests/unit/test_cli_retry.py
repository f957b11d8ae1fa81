"""`frameloom retry`, on a farm in memory."""

import json

import pytest

from frameloom.model.job_status import JobStatus
from frameloom.testing import MemoryExecutions
from tests.unit.memory_farm import MemoryFarm, Terminal

REQUEST = {"file": "film/shot.blend", "frames": "1-8", "chunk_size": 2}


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal whose farm has a job of each final status, a running job, and a job of an impossible request."""
    farm = MemoryFarm(image=b"")
    # Jobs that make no progress.
    farm.executions = MemoryExecutions()  # type: ignore[assignment]
    for job in ("failed", "canceled", "succeeded", "running"):
        farm.executions.start(job, REQUEST)
    farm.executions.start("impossible", {"file": "film/shot.blend", "frames": "8-1"})
    for job in ("failed", "impossible"):
        farm.executions.end(job, JobStatus.FAILED)
    farm.executions.end("canceled", JobStatus.CANCELED)
    farm.executions.end("succeeded", JobStatus.SUCCEEDED)
    return Terminal(capsys, monkeypatch, farm)


def jobs(terminal: Terminal) -> set[str]:
    return {execution.job_id for execution in terminal.farm.executions.list(limit=100)}


@pytest.mark.parametrize("job", ["failed", "canceled"])
def test_a_failed_or_canceled_job_is_retried_as_a_new_job_of_the_same_request(terminal: Terminal, job: str) -> None:
    before = jobs(terminal)
    ran = terminal.run("retry", job)
    (again,) = jobs(terminal) - before
    assert (ran.code, ran.out, ran.err) == (0, f"Job {again} renders the missing frames of job {job}.\n", "")
    execution = terminal.farm.executions.describe(again)
    assert execution is not None
    assert (execution.status, execution.input) == (JobStatus.RUNNING, REQUEST)
    assert again.startswith("shot-")


def test_a_job_is_found_by_the_first_characters_of_its_id(terminal: Terminal) -> None:
    assert json.loads(terminal.run("retry", "fail", "--json").out)["retries"] == "failed"


def test_json_names_both_jobs(terminal: Terminal) -> None:
    before = jobs(terminal)
    document = json.loads(terminal.run("retry", "failed", "--json").out)
    assert document == {"job_id": (jobs(terminal) - before).pop(), "retries": "failed"}


@pytest.mark.parametrize(
    ("job", "problem"),
    [
        ("running", "JOB: job running has not ended: cancel it first."),
        ("succeeded", "JOB: job succeeded has succeeded: no frames are missing."),
        ("else", "JOB: the farm knows of no job 'else'."),
        ("impossible", "frames: "),
    ],
)
def test_a_retry_that_cannot_help_is_refused_with_the_reason(terminal: Terminal, job: str, problem: str) -> None:
    before = jobs(terminal)
    ran = terminal.run("retry", job)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"frameloom: {problem}")
    assert jobs(terminal) == before
