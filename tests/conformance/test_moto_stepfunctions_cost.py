"""An item of a Map costs less in patched moto; each canary runs unpatched moto."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import boto3
import pytest
from moto import backends
from moto.stepfunctions.parser import models
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
