"""An ended job is announced on the event bus with its report's address; a failing bus does not change the result."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from frameloom.local.local_farm import LocalFarm
from frameloom.model.job_status import JobStatus
from tests.e2e.rig import Rig, wait

Heard = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def events(rig: Rig) -> list[dict[str, Any]]:
    """The farm's events on the bus so far; `heard` adds to them."""
    del rig
    return []


@pytest.fixture(scope="module")
def heard(rig: Rig, events: list[dict[str, Any]]) -> Iterator[Heard]:
    """Wait for the announcement of a job, as somebody does who has a rule of their own on the bus."""
    environment = rig.farm.environment
    bus = boto3.client(
        "events",
        endpoint_url=rig.farm.endpoint,
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    queue = rig.sqs.create_queue(QueueName=f"listener-{uuid4()}")["QueueUrl"]
    arn = rig.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["frameloom"], "detail-type": ["Frameloom Job Ended"], "resources": [rig.stack.machine]}
    bus.put_rule(Name="listener", EventPattern=json.dumps(pattern))
    bus.put_targets(Rule="listener", Targets=[{"Id": "queue", "Arn": arn}])

    def announcement(job_id: str) -> dict[str, Any]:
        def of_the_job() -> dict[str, Any] | None:
            for message in rig.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
                rig.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                events.append(json.loads(message["Body"]))
            return next((event for event in events if event["detail"]["job_id"] == job_id), None)

        return wait(of_the_job, f"the announcement of {job_id}")

    yield announcement
    bus.remove_targets(Rule="listener", Ids=["queue"])
    bus.delete_rule(Name="listener")


def test_a_job_that_succeeded_is_announced_with_its_summary(rig: Rig, tiny: Path, heard: Heard) -> None:
    rig.upload_quietly(tiny, "announced.blend")
    execution = rig.run(file="announced.blend", frames="1", output="frames")
    assert execution.status is JobStatus.SUCCEEDED, execution.cause
    event = heard(execution.job_id)
    assert event["detail"] == execution.output
    assert event["detail"]["status"] == "succeeded"
    assert event["detail"]["frames"] == {"total": 1, "rendered": 1, "reused": 0, "missing": 0}
    report = event["detail"]["report"]
    assert rig.store.head(report["bucket"], report["key"]) is not None
    assert rig.stack.machine in event["resources"]


def test_a_job_that_failed_is_announced_with_its_error(rig: Rig, heard: Heard) -> None:
    execution = rig.run(file="never-uploaded.blend")
    assert (execution.status, execution.error) == (JobStatus.FAILED, "SceneNotFound")
    detail = heard(execution.job_id)["detail"]
    assert (detail["status"], detail["error"]) == ("failed", "SceneNotFound")
    assert detail["cause"] == execution.cause
    assert rig.store.head(detail["report"]["bucket"], detail["report"]["key"]) is not None


def test_an_upload_that_starts_no_job_announces_nothing(
    rig: Rig, tiny: Path, heard: Heard, events: list[dict[str, Any]]
) -> None:
    before = {job.job_id for job in rig.jobs.list(limit=1000)}
    rig.upload_quietly(tiny, "unannounced.blend")

    def skipped() -> str | None:
        found = [job for job in rig.jobs.list(limit=1000) if job.job_id not in before]
        return next((job.job_id for job in found if job.status is JobStatus.SUCCEEDED), None)

    job_id = wait(skipped, "the upload's own execution")
    # Whatever it might have put has come by the time that the announcement of a later job has.
    heard(rig.run(file="never-uploaded.blend").job_id)
    assert job_id not in {event["detail"]["job_id"] for event in events}


@pytest.fixture(scope="module")
def aside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A separate farm, so that the calls of a changed state machine are not recorded among the shared farm's."""
    with LocalFarm(workers=0) as farm:
        yield Rig(farm, tmp_path_factory.mktemp("aside"))


@pytest.mark.parametrize(
    ("state", "summary"),
    [
        ("AnnounceSuccess", {"job_id": "shot-1", "status": "succeeded"}),
        ("AnnounceFailure", {"job_id": "shot-1", "status": "failed", "Error": "NoCamera", "Cause": "It has none."}),
    ],
)
def test_a_job_ends_as_it_ends_where_the_bus_does_not_take_its_announcement(
    aside: Rig, state: str, summary: dict[str, str]
) -> None:
    definition = json.loads(aside.states.describe_state_machine(stateMachineArn=aside.stack.machine)["definition"])
    definition["StartAt"] = state
    # A bus that does not exist, and no delay between retries.
    definition["States"][state]["Parameters"]["Entries"][0]["EventBusName"] = "nowhere"
    definition["States"][state]["Retry"][0] |= {"IntervalSeconds": 1, "BackoffRate": 1.0}
    machine = aside.states.create_state_machine(
        name=f"deaf-{uuid4()}", definition=json.dumps(definition), roleArn="arn:aws:iam::123456789012:role/states"
    )["stateMachineArn"]
    execution = aside.states.start_execution(stateMachineArn=machine, name="job", input=json.dumps(summary))[
        "executionArn"
    ]

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = aside.states.describe_execution(executionArn=execution)
        return found if found["status"] != "RUNNING" else None

    end = wait(ended, "the end of the execution")
    history = aside.states.get_execution_history(executionArn=execution)["events"]
    assert any(event["type"] == "TaskFailed" for event in history), "the bus took it after all"
    if state == "AnnounceSuccess":
        assert (end["status"], json.loads(end["output"])) == ("SUCCEEDED", summary)
    else:
        assert (end["status"], end["error"], end["cause"]) == ("FAILED", summary["Error"], summary["Cause"])
