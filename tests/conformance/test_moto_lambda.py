"""Functions of a farm run as in Lambda; each canary runs unpatched moto."""

import json
import threading
import time
from typing import Any

import boto3
import pytest
from moto.awslambda.models import LambdaFunction, LayerVersion
from moto.sqs.models import sqs_backends

from frameloom.local.local_farm import LocalFarm
from tests.conformance.moto_farm import ACCOUNT, REGION, ROLE, TRUST, deploy, make_function, stored_records
from tests.small_farm import client, wait_until


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.canary("lambda_._invoke_on")
def test_canary_functions_run_in_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    class DockerUsed(Exception):
        pass

    def docker_client(_self: Any) -> Any:
        raise DockerUsed

    monkeypatch.setattr(LambdaFunction, "docker_client", property(docker_client))
    functions = boto3.client("lambda")
    name = make_function(functions)
    with pytest.raises(DockerUsed):
        functions.invoke(FunctionName=name)


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.canary("lambda_._invoke_on")
def test_canary_an_error_of_a_function_is_handled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LambdaFunction, "_invoke_lambda", lambda *_, **__: ("{}", True, ""))
    functions = boto3.client("lambda")
    assert functions.invoke(FunctionName=make_function(functions))["FunctionError"] == "Handled"


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.canary("lambda_._invoke_on")
def test_canary_the_caller_of_an_asynchronous_invocation_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    functions, threads = boto3.client("lambda"), []

    def run(*_args: Any, **_kwargs: Any) -> tuple[str, bool, str]:
        threads.append(threading.current_thread())
        return "{}", False, ""

    monkeypatch.setattr(LambdaFunction, "_invoke_lambda", run)
    functions.invoke(FunctionName=make_function(functions), InvocationType="Event")
    assert threads == [threading.current_thread()]


def test_functions_run_and_fail_as_in_lambda(farm: LocalFarm) -> None:
    functions, name = client(farm, "lambda"), farm.outputs["EchoFunctionName"]
    answer = functions.invoke(FunctionName=name, Payload=b'{"a": 1}')
    assert json.loads(answer["Payload"].read())["a"] == 1
    failed = functions.invoke(FunctionName=name, Payload=b'{"fail": "no"}')
    assert (failed["StatusCode"], failed["FunctionError"]) == (200, "Unhandled")
    assert json.loads(failed["Payload"].read())["errorType"] == "SceneNotFound"


def test_an_asynchronous_invocation_is_accepted_and_runs(farm: LocalFarm) -> None:
    answer = client(farm, "lambda").invoke(
        FunctionName=farm.outputs["EchoFunctionName"], Payload=b'{"fail": "later"}', InvocationType="Event"
    )
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    wait_until(lambda: '"later"' in (farm.work_dir / "functions.log").read_text(), "the function runs")


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.canary("lambda_._create_with_layers", "lambda_._layer_arn")
def test_canary_functions_of_a_stack_have_no_layers_and_a_layer_no_arn() -> None:
    content = {"S3Bucket": "b", "S3Key": "k"}
    layer = {"L": {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": content}}}
    properties = {"Code": content, "Role": ROLE, "Runtime": "python3.13", "Layers": ["arn:none"]}
    boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))
    deploy(boto3.client("cloudformation"), {"F": {"Type": "AWS::Lambda::Function", "Properties": properties}, **layer})
    (function,) = boto3.client("lambda").list_functions()["Functions"]
    assert not function.get("Layers")
    assert not hasattr(LayerVersion, "physical_resource_id")


def test_functions_of_a_stack_have_their_layers(farm: LocalFarm) -> None:
    functions = client(farm, "lambda")
    configuration = functions.get_function_configuration(FunctionName=farm.outputs["EchoFunctionName"])
    assert [":layer:" in layer["Arn"] for layer in configuration["Layers"]] == [True]


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.canary("event_sources._start_poller")
def test_canary_a_function_is_called_by_the_sender_with_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def record(_self: Any, event: Any = None) -> tuple[str, bool, str]:
        calls.append((threading.current_thread(), event))
        return json.dumps({"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}), False, ""

    monkeypatch.setattr(LambdaFunction, "_invoke_lambda", record)
    functions, sqs = boto3.client("lambda"), boto3.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="before")
    functions.create_event_source_mapping(
        EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:q",
        FunctionName=make_function(functions),
        BatchSize=10,
        MaximumBatchingWindowInSeconds=1,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    assert calls == [], "earlier messages are not delivered"
    sqs.send_message(QueueUrl=url, MessageBody="after")
    assert [len(event["Records"]) for _, event in calls] == [1, 1]
    assert {thread for thread, _ in calls} == {threading.current_thread()}
    assert calls[0][1]["Records"][0]["attributes"]["SentTimestamp"] == "1545082649183"
    assert sqs_backends[ACCOUNT][REGION].get_queue("q")._messages == [], (
        "a message that was reported as failed is deleted"
    )


def test_a_mapping_delivers_earlier_messages_with_their_attributes_until_it_is_deleted(farm: LocalFarm) -> None:
    functions, sqs = client(farm, "lambda"), client(farm, "sqs")
    url = sqs.create_queue(QueueName="fed")["QueueUrl"]
    sent_at = time.time() * 1000
    sqs.send_message(
        QueueUrl=url, MessageBody="before", MessageAttributes={"A": {"DataType": "String", "StringValue": "b"}}
    )
    (name,) = [f["FunctionName"] for f in functions.list_functions()["Functions"] if "LogFunction" in f["FunctionName"]]
    mapping = functions.create_event_source_mapping(
        EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:fed", FunctionName=name
    )
    wait_until(lambda: stored_records(farm, "before"), "the function gets the earlier message")
    (record,) = stored_records(farm, "before")
    assert abs(int(record["attributes"]["SentTimestamp"]) - sent_at) < 10_000
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"]["A"]["stringValue"] == "b"
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"].endswith(":fed")
    functions.delete_event_source_mapping(UUID=mapping["UUID"])
    # A poller checks once a second whether its mapping exists.
    time.sleep(1.5)
    sqs.send_message(QueueUrl=url, MessageBody="after")
    time.sleep(0.5)
    assert len(sqs.receive_message(QueueUrl=url).get("Messages", [])) == 1


def test_sending_does_not_wait_for_the_function(farm: LocalFarm) -> None:
    sqs, url = client(farm, "sqs"), farm.outputs["ChunkDeadLetterQueueUrl"]
    started = time.monotonic()
    sqs.send_message(QueueUrl=url, MessageBody="take your time")
    assert time.monotonic() - started < 3, "the function takes five seconds"
    wait_until(lambda: stored_records(farm, "take your time"), "the message arrives")
