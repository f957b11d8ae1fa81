"""Jobs as executions of a state machine; `MemoryExecutions` keeps the same contract."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import boto3
import pytest
from botocore.stub import Stubber

from frameloom.aws.executions import MAX_CAUSE, JobExecutions
from frameloom.model.job_status import JobStatus
from frameloom.services.storage.ports import Executions
from frameloom.testing import MemoryExecutions

ROLE = "arn:aws:iam::123456789012:role/render-job"
MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:render_job"
EXECUTION = "arn:aws:states:eu-central-1:123456789012:execution:render_job"
NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
DEFINITION = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})


def make_machine() -> JobExecutions:
    machine = boto3.client("stepfunctions").create_state_machine(name="render_job", definition=DEFINITION, roleArn=ROLE)
    return JobExecutions(machine["stateMachineArn"])


@pytest.fixture(params=[make_machine, MemoryExecutions])
def executions(request: pytest.FixtureRequest) -> Executions:
    request.getfixturevalue("aws")
    make: Callable[[], Executions] = request.param
    return make()


def test_a_job_starts_once(executions: Executions) -> None:
    assert executions.start("shot-1", {"file": "shot.blend"}) is True
    assert executions.start("shot-1", {"file": "shot.blend"}) is False
    assert executions.start("shot-1", {"file": "other.blend"}) is False
    assert executions.start("shot-2", {"file": "shot.blend"}) is True
    job = executions.describe("shot-1")
    assert job is not None
    assert (job.job_id, job.status, job.input) == ("shot-1", JobStatus.RUNNING, {"file": "shot.blend"})
    assert job.ended is None


def test_a_job_that_has_ended_is_not_started_again(executions: Executions) -> None:
    executions.start("shot-1", {})
    executions.stop("shot-1", reason="told to")
    assert executions.start("shot-1", {}) is False


def test_a_job_is_canceled_and_stays_canceled(executions: Executions) -> None:
    executions.start("shot-1", {})
    executions.stop("shot-1", reason="told to")
    job = executions.describe("shot-1")
    assert job is not None
    assert job.status is JobStatus.CANCELED
    assert job.ended is not None
    assert job.ended >= job.started
    executions.stop("shot-1", reason="again")
    again = executions.describe("shot-1")
    assert again is not None
    assert again.status is JobStatus.CANCELED


def test_a_cancellation_says_why() -> None:
    executions = MemoryExecutions()
    executions.start("shot-1", {})
    executions.stop("shot-1", reason="told to")
    executions.stop("shot-1", reason="again")
    job = executions.describe("shot-1")
    assert job is not None
    assert (job.error, job.cause) == ("Canceled", "told to")
    states = boto3.client("stepfunctions")
    with Stubber(states) as stub:
        arguments = {"executionArn": f"{EXECUTION}:shot-1", "error": "Canceled", "cause": "r" * MAX_CAUSE}
        stub.add_response("stop_execution", {"stopDate": NOW}, arguments)
        JobExecutions(MACHINE, states).stop("shot-1", reason="r" * 100_000)
        stub.assert_no_pending_responses()


def test_a_missing_job_is_none_and_cannot_be_canceled(executions: Executions) -> None:
    assert executions.describe("nothing") is None
    with pytest.raises(LookupError, match="nothing"):
        executions.stop("nothing", reason="told to")


def test_an_invalid_id_is_no_job(executions: Executions) -> None:
    for name in ("no job", "shot[1]", "shot-1:2", "ü\n"):
        assert executions.describe(name) is None
    states = boto3.client("stepfunctions")
    with Stubber(states) as stub:
        stub.add_client_error("describe_execution", "InvalidArn", "Invalid Arn")
        assert JobExecutions(MACHINE, states).describe("no job") is None


def test_the_newest_jobs_come_first(executions: Executions) -> None:
    assert executions.list(limit=5) == []
    names = [f"shot-{number:03d}" for number in range(120)]
    for name in names:
        executions.start(name, {})
    for limit in (1, 5, 101, 1500):
        assert [job.job_id for job in executions.list(limit=limit)] == names[::-1][:limit]
    assert executions.list(limit=1)[0].input is None


def test_a_job_that_another_client_started_meanwhile_counts_as_started() -> None:
    states = boto3.client("stepfunctions")
    with Stubber(states) as stub:
        stub.add_client_error("describe_execution", "ExecutionDoesNotExist")
        stub.add_client_error("start_execution", "ExecutionAlreadyExists")
        assert JobExecutions("arn:aws:states:::stateMachine:m", states).start("shot-1", {}) is False


@pytest.mark.parametrize(
    ("status", "word"), [("SUCCEEDED", "succeeded"), ("TIMED_OUT", "failed"), ("ABORTED", "canceled")]
)
def test_statuses_of_step_functions_become_those_of_the_farm(status: str, word: str) -> None:
    states = boto3.client("stepfunctions")
    found = {
        "executionArn": EXECUTION,
        "stateMachineArn": MACHINE,
        "name": "shot-1",
        "status": status,
        "startDate": NOW,
    }
    with Stubber(states) as stub:
        stub.add_response("describe_execution", found | {"output": '{"a": 1}'}, {"executionArn": f"{EXECUTION}:shot-1"})
        job = JobExecutions(MACHINE, states).describe("shot-1")
    assert job is not None
    assert (str(job.status), job.output, job.started) == (word, {"a": 1}, "2026-11-23T06:00:00+00:00")
