"""An item of a Map costs less in patched moto; each canary runs unpatched moto."""

import json
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import boto3
import pytest
from moto import backends
from moto.core import utils
from moto.sqs import models as sqs
from moto.stepfunctions.parser import models
from moto.stepfunctions.parser.asl.component.program import program
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils import boto_client, json_path
from moto.stepfunctions.parser.backend import execution_worker

from frameloom.local.moto_patches.speed import stepfunctions_cost
from tests.conformance.moto_process import wait_until

PASS = {"Type": "Pass", "End": True}


def calls(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[Any]:
    """Count the calls of a function, which still runs."""
    counted: list[Any] = []
    original = getattr(owner, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        counted.append(args)
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, call)
    return counted


def apply_patch(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Apply one patch to this process for this test."""
    monkeypatch.setattr(owner, name, make(getattr(owner, name)))


@pytest.mark.parametrize(
    ("is_patched", "expected"),
    [(True, 1), pytest.param(False, 3, marks=pytest.mark.canary("stepfunctions_cost._parse_paths_once"))],
)
def test_a_path_is_parsed_once(monkeypatch: pytest.MonkeyPatch, *, is_patched: bool, expected: int) -> None:
    counted = calls(monkeypatch, json_path, "parse")
    if is_patched:
        apply_patch(monkeypatch, json_path, "parse", stepfunctions_cost._parse_paths_once)
    assert [json_path.extract_json("$.a.b", {"a": {"b": number}}) for number in range(3)] == [0, 1, 2]
    assert len(counted) == expected


@pytest.mark.parametrize(
    ("is_patched", "expected"),
    [(True, 1), pytest.param(False, 3, marks=pytest.mark.canary("stepfunctions_cost._parse_definitions_once"))],
)
def test_a_definition_is_parsed_once(monkeypatch: pytest.MonkeyPatch, *, is_patched: bool, expected: int) -> None:
    counted = calls(monkeypatch, AmazonStateLanguageParser, "parse")
    if is_patched:
        apply_patch(monkeypatch, models, "AmazonStateLanguageParser", stepfunctions_cost._parse_definitions_once)
        monkeypatch.setattr(execution_worker, "AmazonStateLanguageParser", models.AmazonStateLanguageParser)
    backend = models.StepFunctionsParserBackend("us-east-1", "123456789012")
    definition = json.dumps({"StartAt": "Pass", "States": {"Pass": PASS}})
    machine = backend.create_state_machine(name="m", definition=definition, roleArn="arn:aws:iam::123456789012:role/r")
    for name in ("first", "second"):
        execution = backend.start_execution(machine.arn, name=name, execution_input="{}")
        assert wait_until(partial(has_succeeded, execution), within=20)
    assert len(counted) == expected


def has_succeeded(execution: Any) -> bool:
    return bool(execution.status == "SUCCEEDED")


@pytest.mark.parametrize(
    ("is_patched", "expected"),
    [(True, 2), pytest.param(False, 4, marks=pytest.mark.canary("stepfunctions_cost._share_clients"))],
)
def test_a_service_has_one_client(monkeypatch: pytest.MonkeyPatch, *, is_patched: bool, expected: int) -> None:
    if is_patched:
        apply_patch(monkeypatch, boto_client, "boto3", stepfunctions_cost._share_clients)
    counted = calls(monkeypatch, boto3, "client")
    for service in ("sqs", "s3", "sqs", "s3"):
        assert boto_client.boto_client_for("us-east-1", service).meta.service_model.service_name == service
    assert len(counted) == expected


@pytest.mark.parametrize(
    ("is_patched", "expected"),
    [(True, 0), pytest.param(False, 2, marks=pytest.mark.canary("stepfunctions_cost._list_services_once"))],
)
def test_the_services_are_listed_once(monkeypatch: pytest.MonkeyPatch, *, is_patched: bool, expected: int) -> None:
    if is_patched:
        apply_patch(monkeypatch, backends, "list_of_moto_modules", stepfunctions_cost._list_services_once)
    counted = calls(monkeypatch, backends.os, "listdir")
    assert "sqs" in backends.list_of_moto_modules()
    assert "nothing" not in backends.list_of_moto_modules()
    assert len(counted) == expected


def threads_of_one_execution(monkeypatch: pytest.MonkeyPatch) -> int:
    """Return the number of threads that an execution in this process starts."""
    backend = models.StepFunctionsParserBackend("us-east-1", "123456789012")
    definition = json.dumps({"StartAt": "Pass", "States": {"Pass": PASS}})
    machine = backend.create_state_machine(name="m", definition=definition, roleArn="arn:aws:iam::123456789012:role/r")
    started = calls(monkeypatch, threading.Thread, "start")
    execution = backend.start_execution(machine.arn, name="e", execution_input="{}")
    assert wait_until(partial(has_succeeded, execution), within=20)
    return len(started)


@pytest.mark.parametrize(
    ("is_patched", "expected"),
    [(True, 1), pytest.param(False, 2, marks=pytest.mark.canary("stepfunctions_cost._run_without_thread"))],
)
def test_a_machine_without_a_timeout_needs_no_second_thread(
    monkeypatch: pytest.MonkeyPatch, *, is_patched: bool, expected: int
) -> None:
    if is_patched:
        apply_patch(monkeypatch, program.Program, "eval", stepfunctions_cost._run_without_thread)
    assert threads_of_one_execution(monkeypatch) == expected


@pytest.mark.parametrize(
    ("is_patched", "expected"),
    [(True, 0), pytest.param(False, 1, marks=pytest.mark.canary("stepfunctions_cost._read_one_attribute"))],
)
def test_a_receive_does_not_count_all_messages(
    monkeypatch: pytest.MonkeyPatch, *, is_patched: bool, expected: int
) -> None:
    backend = sqs.SQSBackend("us-east-1", "123456789012")
    backend.create_queue("queue", {})
    backend.send_message("queue", "hello")
    if is_patched:
        name = "is_message_valid_based_on_retention_period"
        apply_patch(monkeypatch, sqs.SQSBackend, name, stepfunctions_cost._read_one_attribute)
    counted = calls(monkeypatch, sqs.SQSBackend, "get_queue_attributes")
    assert [message.body for message in backend.receive_message("queue", 1, 0, 30)] == ["hello"]
    assert backend.receive_message("queue", 1, 0, 30) == []
    assert len(counted) == expected


@pytest.mark.parametrize(
    ("is_patched", "expected"),
    [(True, 0), pytest.param(False, 1, marks=pytest.mark.canary("stepfunctions_cost._read_clock"))],
)
def test_the_clock_is_read_directly(monkeypatch: pytest.MonkeyPatch, *, is_patched: bool, expected: int) -> None:
    """moto converts a date to seconds for each reading."""
    if is_patched:
        apply_patch(monkeypatch, sqs, "unix_time_millis", stepfunctions_cost._read_clock)
    counted = calls(monkeypatch, utils, "unix_time")
    assert abs(sqs.unix_time_millis() - time.time() * 1000) < 5_000
    assert len(counted) == expected
