"""A local farm has the stack of its template, keeps its workers running and delivers events and messages."""

import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from frameloom.local.local_farm import LocalFarm
from tests.small_farm import MINI_FARM, client, gone, wait_until, worker_report


@pytest.fixture(scope="module")
def logged() -> list[str]:
    return []


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory, logged: list[str]) -> Iterator[LocalFarm]:
    work_dir = tmp_path_factory.mktemp("farm")
    with LocalFarm(workers=2, root=MINI_FARM, work_dir=work_dir, worker_env={"EXTRA": "1"}, log=logged.append) as farm:
        yield farm


def test_the_stack_has_the_resources_of_its_template(farm: LocalFarm) -> None:
    s3, sqs = client(farm, "s3"), client(farm, "sqs")
    buckets = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    assert buckets == {farm.outputs["ScenesBucketName"], farm.outputs["LogBucketName"]}
    assert s3.get_bucket_versioning(Bucket=farm.outputs["ScenesBucketName"])["Status"] == "Enabled"
    assert len(sqs.list_queues()["QueueUrls"]) == 3
    machines = client(farm, "stepfunctions").list_state_machines()["stateMachines"]
    assert [machine["stateMachineArn"] for machine in machines] == [farm.outputs["StateMachineArn"]]


def test_it_listens_only_on_this_machine(farm: LocalFarm) -> None:
    port = int(farm.endpoint.rpartition(":")[2])
    listening = [tuple(found.laddr) for found in psutil.net_connections("tcp") if found.status == psutil.CONN_LISTEN]
    assert [address for address in listening if address[1] == port] == [("127.0.0.1", port)]


def test_workers_have_the_variables_of_the_farm_and_no_others_of_aws(farm: LocalFarm) -> None:
    report = worker_report(farm, 1)
    environment = report["environment"]
    assert report["pid"] in farm.workers
    assert environment["CHUNK_QUEUE_URL"] == farm.outputs["ChunkQueueUrl"]
    assert environment["LOG_QUEUE_URL"] == farm.outputs["LogQueueUrl"]
    assert environment["LOG_BUCKET"] == farm.outputs["LogBucketName"]
    assert environment["EXTRA"] == "1"
    ours = {name: value for name, value in environment.items() if name.startswith("AWS_")}
    # Workers have their own access key id, so that the record shows which calls are theirs.
    expected = farm.environment | {"AWS_ACCESS_KEY_ID": "worker"}
    assert ours == {name: value for name, value in expected.items() if name.startswith("AWS_")}


def test_a_worker_that_dies_is_replaced_and_its_blender_is_killed(farm: LocalFarm, logged: list[str]) -> None:
    report = worker_report(farm, 2)
    os.kill(report["pid"], signal.SIGKILL)
    wait_until(lambda: report["pid"] not in farm.workers and len(farm.workers) == 2, "another worker replaces it")
    wait_until(lambda: gone(report["child"]), "its child ends")
    assert any("Worker 2 ended with code -9" in sentence for sentence in logged)


def test_an_upload_of_a_scene_starts_one_execution_with_the_event_of_s3(farm: LocalFarm) -> None:
    s3, bucket = client(farm, "s3"), farm.outputs["ScenesBucketName"]
    s3.put_object(Bucket=bucket, Key="no scene.txt", Body=b"-")
    put = s3.put_object(Bucket=bucket, Key="röll ing.blend", Body=b"scene", Metadata={"frames": "1-3"})
    (output,) = outputs_of_executions(farm, "röll ing.blend")
    event = output["input"]
    assert output["greeting"] == "hello, from the layer"
    assert {name: event[name] for name in ("version", "detail-type", "source", "account", "region")} == {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "region": "us-east-1",
    }
    assert event["resources"] == [f"arn:aws:s3:::{bucket}"]
    assert time.strptime(event["time"], "%Y-%m-%dT%H:%M:%SZ")
    detail = event["detail"]
    assert detail["bucket"] == {"name": bucket}
    assert detail["reason"] == "PutObject"
    stored = detail["object"]
    assert (stored["key"], stored["size"], stored["version-id"]) == ("röll ing.blend", 5, put["VersionId"])
    assert stored["etag"] == put["ETag"].strip('"')
    assert {"version", "request-id", "requester", "source-ip-address"} < detail.keys()


def test_messages_reach_their_function_in_batches_and_failed_ones_again(farm: LocalFarm) -> None:
    sqs, url = client(farm, "sqs"), farm.outputs["LogQueueUrl"]
    bodies = ["fail once", *(f"line {number}" for number in range(11))]
    for body in bodies:
        sqs.send_message(QueueUrl=url, MessageBody=body)
    wait_until(lambda: len(records(farm, "logs/")) == len(bodies) + 1, "every message arrives, one of them twice")
    batches = batches_of(farm, "logs/")
    assert len(batches) < len(bodies), "a batch is more than one message"
    again = [record for record in records(farm, "logs/") if record["body"] == "fail once"]
    assert sorted(record["attributes"]["ApproximateReceiveCount"] for record in again) == ["1", "2"]
    left = {"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"}
    wait_until(lambda: set(attributes(sqs, url, left).values()) == {"0"}, "handled messages are deleted")


def test_an_unfinished_message_reaches_the_function_of_the_dead_letter_queue(farm: LocalFarm) -> None:
    sqs, url = client(farm, "sqs"), farm.outputs["ChunkQueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="lose me")
    received = [sqs.receive_message(QueueUrl=url, WaitTimeSeconds=3).get("Messages", []) for _ in range(3)]
    assert [len(messages) for messages in received] == [1, 1, 0]
    wait_until(lambda: records(farm, "lost/"), "the function is called")
    assert [record["body"] for record in records(farm, "lost/")] == ["lose me"]


def outputs_of_executions(farm: LocalFarm, key: str) -> list[dict[str, Any]]:
    """Return the outputs of the executions that an upload of `key` started, once they have ended."""
    machines = client(farm, "stepfunctions")
    arn = farm.outputs["StateMachineArn"]

    def found() -> list[dict[str, Any]]:
        executions = machines.list_executions(stateMachineArn=arn)["executions"]
        described = [machines.describe_execution(executionArn=each["executionArn"]) for each in executions]
        ours = [each for each in described if json.loads(each["input"])["detail"]["object"]["key"] == key]
        assert not [each for each in ours if each["status"] not in ("RUNNING", "SUCCEEDED")], ours
        return [json.loads(each["output"]) for each in ours if each["status"] == "SUCCEEDED"]

    wait_until(found, f"an execution for {key}")
    # A second one for the same upload would have started by now.
    time.sleep(0.5)
    return found()


def batches_of(farm: LocalFarm, prefix: str) -> list[list[dict[str, Any]]]:
    s3, bucket = client(farm, "s3"), farm.outputs["LogBucketName"]
    keys = [stored["Key"] for stored in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
    return [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]


def records(farm: LocalFarm, prefix: str) -> list[dict[str, Any]]:
    return [record for batch in batches_of(farm, prefix) for record in batch]


def attributes(sqs: Any, url: str, names: set[str]) -> dict[str, str]:
    found: dict[str, str] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))["Attributes"]
    return found
