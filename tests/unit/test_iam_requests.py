"""Recorded requests, parsed into calls and their IAM requests."""

from pathlib import Path
from typing import Any

import pytest

from tests.iam.authorization import requests_of
from tests.iam.calls import read_call
from tests.unit.iam_wire import on_record

QUEUE = "http://127.0.0.1:1/123456789012/q"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
OBJECT: dict[str, Any] = {"Bucket": "b", "Key": "k/ä 1.png"}
PART: dict[str, Any] = OBJECT | {"UploadId": "u", "PartNumber": 1}
EVENT = {"Source": "s", "DetailType": "d", "Detail": "{}", "EventBusName": "default"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "calls"


def needs(file: Path, service: str, operation: str, **parameters: Any) -> list[tuple[str, str]]:
    call = read_call(on_record(file, service, operation, **parameters))
    requests = requests_of(call, role="R", task_owners=[MACHINE, f"{MACHINE}/Map"])
    return [(request.action, request.resource) for request in requests]


@pytest.mark.parametrize(
    ("operation", "parameters", "action"),
    [
        ("get_object", OBJECT, "s3:GetObject"),
        ("head_object", OBJECT, "s3:GetObject"),
        ("get_object", OBJECT | {"VersionId": "v"}, "s3:GetObjectVersion"),
        ("head_object", OBJECT | {"VersionId": "v"}, "s3:GetObjectVersion"),
        ("put_object", OBJECT | {"Metadata": {"a": "b"}, "ContentType": "image/png"}, "s3:PutObject"),
        ("create_multipart_upload", OBJECT, "s3:PutObject"),
        ("upload_part", PART, "s3:PutObject"),
        ("abort_multipart_upload", OBJECT | {"UploadId": "u"}, "s3:AbortMultipartUpload"),
    ],
)
def test_calls_for_an_object_need_its_action_on_it(
    file: Path, operation: str, parameters: dict[str, Any], action: str
) -> None:
    assert needs(file, "s3", operation, **parameters) == [(action, "arn:aws:s3:::b/k/ä 1.png")]


def test_a_missing_object_needs_the_right_to_list(file: Path) -> None:
    asked = needs(file, "s3", "head_object", status=404, **OBJECT)
    assert asked == [("s3:GetObject", "arn:aws:s3:::b/k/ä 1.png"), ("s3:ListBucket", "arn:aws:s3:::b")]


def test_a_listing_needs_its_bucket_with_the_prefix_as_condition(file: Path) -> None:
    call = read_call(on_record(file, "s3", "list_objects_v2", Bucket="b", Prefix="jobs/"))
    (request,) = requests_of(call, role="R", task_owners=[])
    assert (request.action, request.resource) == ("s3:ListBucket", "arn:aws:s3:::b")
    assert request.context == (("s3:prefix", "jobs/"),)


def test_calls_for_a_queue_need_the_action_with_their_name(file: Path) -> None:
    queue = "arn:aws:sqs:us-east-1:123456789012:q"
    assert needs(file, "sqs", "send_message", QueueUrl=QUEUE, MessageBody="-") == [("sqs:SendMessage", queue)]
    assert needs(file, "sqs", "receive_message", QueueUrl=QUEUE) == [("sqs:ReceiveMessage", queue)]


def test_a_task_token_needs_each_possible_machine(file: Path) -> None:
    asked = needs(file, "stepfunctions", "send_task_heartbeat", taskToken="t")
    assert asked == [("states:SendTaskHeartbeat", MACHINE), ("states:SendTaskHeartbeat", f"{MACHINE}/Map")]


def test_calls_for_executions_need_the_machine_or_the_execution(file: Path) -> None:
    started = needs(file, "stepfunctions", "start_execution", stateMachineArn=MACHINE)
    assert started == [("states:StartExecution", MACHINE)]
    execution = MACHINE.replace("stateMachine", "execution") + ":e"
    described = needs(file, "stepfunctions", "describe_execution", executionArn=execution)
    assert described == [("states:DescribeExecution", execution)]


def test_a_call_of_a_function_needs_its_arn(file: Path) -> None:
    function = "arn:aws:lambda:us-east-1:123456789012:function:f"
    assert needs(file, "lambda", "invoke", FunctionName=function) == [("lambda:InvokeFunction", function)]


def test_an_event_needs_its_bus_with_the_source_as_condition(file: Path) -> None:
    call = read_call(on_record(file, "events", "put_events", Entries=[EVENT]))
    (request,) = requests_of(call, role="R", task_owners=[])
    assert request.resource == "arn:aws:events:us-east-1:123456789012:event-bus/default"
    assert dict(request.context) == {"events:source": "s", "events:detail-type": "d"}


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("s3", "put_object", OBJECT | {"Tagging": "a=b"}),
        ("s3", "put_object", OBJECT | {"ACL": "private"}),
        ("s3", "copy_object", OBJECT | {"CopySource": "b/other"}),
        ("s3", "delete_object", OBJECT),
        ("s3", "get_object_tagging", OBJECT),
        ("s3", "list_objects", {"Bucket": "b"}),
        ("sqs", "purge_queue", {"QueueUrl": QUEUE}),
        ("stepfunctions", "list_executions", {"stateMachineArn": MACHINE}),
        ("lambda", "invoke", {"FunctionName": "by-name"}),
        ("lambda", "get_function", {"FunctionName": "f"}),
        ("events", "put_rule", {"Name": "r", "ScheduleExpression": "rate(1 day)"}),
        ("iam", "list_roles", {}),
    ],
)
def test_a_call_without_a_rule_is_an_error(
    file: Path, service: str, operation: str, parameters: dict[str, Any]
) -> None:
    call = read_call(on_record(file, service, operation, **parameters))
    with pytest.raises(ValueError, match="no rule for"):
        requests_of(call, role="R", task_owners=[])


def test_an_unknown_operation_is_an_error(file: Path) -> None:
    line = on_record(file, "s3", "get_object", **OBJECT).replace('"GET"', '"PATCH"')
    with pytest.raises(ValueError, match="may be: none"):
        read_call(line)
