"""The handlers of the log queue and the dead-letter queue."""

import json
import time
from typing import Any

import boto3
import pytest
from moto import mock_aws

from frameloom.aws.store import S3Store
from frameloom.model import keys
from frameloom.model.job import Job
from frameloom.model.log_event import LogEvent
from frameloom.model.messages import ChunkMessage, LogBatch, LogRecord
from frameloom.services.storage import job_documents
from tests.integration.handlers.calls import ENVIRONMENT, load, metrics_of, sqs_event
from tests.jobs import S3_BUCKETS as BUCKETS
from tests.jobs import STARTED, make_job

# Powertools warns if a function failed before it counted anything. Lambda itself counts errors.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def log_batch(part: str) -> str:
    record = LogRecord(
        time=STARTED,
        level="info",
        message="Rendered.",
        event=LogEvent.FRAME_RENDERED,
        worker="worker-1",
        job_id="shot-1",
    )
    return LogBatch(worker="worker-1", job_id="shot-1", part=part, records=[record]).model_dump_json()


def test_collect_logs_stores_the_rest_of_a_batch_with_a_broken_record(
    store: S3Store, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = load("collect_logs")(sqs_event(log_batch("1"), '{"worker": "worker-1"}', log_batch("2"), "no JSON"))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-1"}, {"itemIdentifier": "message-3"}]}
    stored = [stored.key for stored in store.list(BUCKETS.logs, "jobs/shot-1/logs/")]
    assert stored == [keys.log_part_key("shot-1", "worker-1", part) for part in ("1", "2")]
    assert json.loads(store.get(BUCKETS.logs, stored[0]) or b"")["event"] == LogEvent.FRAME_RENDERED
    assert metrics_of(capsys) == {"LogPiecesStored": 2, "FramesRendered": 2}


def test_collect_logs_counts_the_frames_of_its_own_stack(store: S3Store, capsys: pytest.CaptureFixture[str]) -> None:
    del store
    load("collect_logs")(sqs_event(log_batch("1")))
    (record,) = (json.loads(line) for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line)
    (group,) = record["_aws"]["CloudWatchMetrics"]
    # The metric of the alarm JobStuck; a test of the template compares it with this.
    assert (group["Namespace"], group["Dimensions"]) == ("Frameloom", [["service"]])
    assert record["service"] == ENVIRONMENT["POWERTOOLS_SERVICE_NAME"]


def test_collect_logs_counts_zero_frames_without_logs(store: S3Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert load("collect_logs")({"pulse": True}) == {"batchItemFailures": []}
    assert metrics_of(capsys) == {"FramesRendered": 0}
    assert list(store.list(BUCKETS.logs, "")) == []


def test_collect_logs_accepts_a_batch_twice(store: S3Store) -> None:
    collect = load("collect_logs")
    for _ in range(2):
        assert collect(sqs_event(log_batch("1"))) == {"batchItemFailures": []}
    assert len(list(store.list(BUCKETS.logs, ""))) == 1


def lost_chunk(job: Job, token: str = "token") -> str:  # noqa: S107
    message = ChunkMessage(
        version=1,
        task_token=token,
        job_id=job.job_id,
        chunk_id="1-000000",
        attempt=0,
        scene=job.scene,
        frames="1-3",
        output=job.outputs,
        settings=job.settings,
    )
    return json.dumps(message.to_json())


def test_fail_lost_chunk_removes_other_messages_from_the_queue(
    store: S3Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failed message would return until it expires, and delay the other messages of its batch."""
    answer = load("fail_lost_chunk")(sqs_event("no chunk", "{}", "[" * 100_000))
    assert answer == {"batchItemFailures": []}
    assert list(store.list(BUCKETS.logs, "")) == []
    assert metrics_of(capsys) == {"StrangeMessages": 3}


WAITING: dict[str, Any] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
    "HeartbeatSeconds": 60,
    "TimeoutSeconds": 120,
    "End": True,
}


def test_fail_lost_chunk_fails_the_task_of_the_chunk(store: S3Store, capsys: pytest.CaptureFixture[str]) -> None:
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        job = make_job(store, "1-3", buckets=BUCKETS)
        sqs, states = boto3.client("sqs"), boto3.client("stepfunctions")
        url = sqs.create_queue(QueueName="chunks")["QueueUrl"]
        task = WAITING | {"Parameters": {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}}}
        execution = states.start_execution(
            stateMachineArn=states.create_state_machine(
                name="waits",
                definition=json.dumps({"StartAt": "Wait", "States": {"Wait": task}}),
                roleArn="arn:aws:iam::123456789012:role/render-job",
            )["stateMachineArn"],
            name="wait",
            input="{}",
        )["executionArn"]
        message = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"][0]
        body = lost_chunk(job, json.loads(message["Body"])["token"])
        # The job of the second chunk has ended: the chunk is recorded, without an error.
        assert load("fail_lost_chunk")(sqs_event(body, lost_chunk(job, "dead"))) == {"batchItemFailures": []}
        ended = wait_until_ended(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "ChunkLost")
    assert [result.error for result in job_documents.chunk_results(store, BUCKETS, "shot-1")] == ["ChunkLost"]
    assert metrics_of(capsys)["ChunksLost"] == 2


def wait_until_ended(execution: str) -> dict[str, Any]:
    states = boto3.client("stepfunctions")
    deadline = time.monotonic() + 30
    while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline, "the execution never ended"
        time.sleep(0.05)
    return dict(found)
