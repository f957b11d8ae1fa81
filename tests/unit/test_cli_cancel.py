"""`frameloom cancel`, on a farm in memory."""

import json

import pytest

from frameloom.model.job_status import JobStatus
from frameloom.testing import MemoryExecutions
from tests.unit.memory_farm import MemoryFarm, Terminal


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal whose farm has two running jobs and a succeeded job."""
    farm = MemoryFarm(image=b"")
    # Jobs that make no progress.
    farm.executions = MemoryExecutions()  # type: ignore[assignment]
    for job in ("shot-1", "shot-2", "shot-3"):
        farm.executions.start(job, {})
    farm.executions.end("shot-3", JobStatus.SUCCEEDED)
    return Terminal(capsys, monkeypatch, farm)


def canceled(job: str) -> str:
    return f"Job {job} is canceled. Its report: s3://logs/jobs/{job}/report.json"


def status(terminal: Terminal, job: str) -> JobStatus:
    execution = terminal.farm.executions.describe(job)
    assert execution is not None
    return execution.status


def test_a_job_is_canceled_and_others_continue(terminal: Terminal) -> None:
    ran = terminal.run("cancel", "shot-1", "--reason", "wrong camera")
    assert (ran.code, ran.out, ran.err) == (0, f"{canceled('shot-1')}\n", "")
    execution = terminal.farm.executions.describe("shot-1")
    assert execution is not None
    assert (execution.status, execution.cause) == (JobStatus.CANCELED, "wrong camera")
    assert status(terminal, "shot-2") is JobStatus.RUNNING


def test_several_jobs_are_canceled_and_a_repeated_one_once(terminal: Terminal) -> None:
    ran = terminal.run("cancel", "shot-1", "shot-2", "shot-1")
    assert (ran.code, ran.out.splitlines()) == (0, [canceled("shot-1"), canceled("shot-2")])


def test_an_ended_job_keeps_its_status(terminal: Terminal) -> None:
    ran = terminal.run("cancel", "shot-1", "shot-3")
    assert ran.code == 1
    assert ran.out == f"{canceled('shot-1')}\n"
    assert ran.err == "frameloom: Job shot-3 has ended before: it succeeded.\n"
    assert status(terminal, "shot-3") is JobStatus.SUCCEEDED


def test_canceling_twice_succeeds(terminal: Terminal) -> None:
    terminal.run("cancel", "shot-1")
    assert terminal.run("cancel", "shot-1").code == 0


def test_an_unknown_job_keeps_all_others_from_being_canceled(terminal: Terminal) -> None:
    ran = terminal.run("cancel", "shot-1", "shot-else")
    assert (ran.code, ran.err) == (2, "frameloom: JOB: the farm knows of no job 'shot-else'.\n")
    assert status(terminal, "shot-1") is JobStatus.RUNNING


def test_first_characters_cancel_one_job_and_never_several(terminal: Terminal) -> None:
    ran = terminal.run("cancel", "shot-2", "shot-")
    assert (ran.code, ran.err.split(":")[1]) == (2, " JOB")
    assert "fits shot-3, shot-2, shot-1" in ran.err
    assert {status(terminal, job) for job in ("shot-1", "shot-2")} == {JobStatus.RUNNING}
    terminal.farm.executions.start("other-1", {})
    assert terminal.run("cancel", "oth").out == f"{canceled('other-1')}\n"


def test_json_has_the_status_and_the_report_of_each_job(terminal: Terminal) -> None:
    ran = terminal.run("cancel", "shot-1", "shot-3", "--json")
    ended = {"shot-1": "canceled", "shot-3": "succeeded"}
    assert json.loads(ran.out) == [
        {"job_id": job, "status": status, "report": {"bucket": "logs", "key": f"jobs/{job}/report.json"}}
        for job, status in ended.items()
    ]


def test_a_missing_job_is_a_usage_error(terminal: Terminal) -> None:
    ran = terminal.run("cancel")
    assert ran.code == 2
    assert "JOB" in ran.err
