"""Progress and failures of the deletion of a stack with a nested stack."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from frameloom.aws import stack_deletion
from frameloom.aws.stack_deletion import Failure

BEGAN = datetime(2026, 11, 25, 6, tzinfo=UTC)
OUTER, INNER = "arn:farm", "arn:farm-cluster"


class CloudFormation:
    """A stack with a queue, a bucket and a nested stack; its deletion advances one step at each poll."""

    def __init__(self, steps: list[dict[str, str]], ends: str) -> None:
        self._steps, self._ends = steps, ends
        self.states = {"Queue": "CREATE_COMPLETE", "Bucket": "CREATE_COMPLETE", "Inner": "CREATE_COMPLETE"}
        self.events: dict[str, list[dict[str, Any]]] = {OUTER: [], INNER: []}
        # A failure of an earlier attempt.
        self.say(OUTER, "Queue", "AWS::SQS::Queue", "An old reason")

    def say(self, stack: str, name: str, kind: str, reason: str, *, physical: str = "") -> None:
        event: dict[str, Any] = {"Timestamp": BEGAN + timedelta(seconds=sum(map(len, self.events.values())))}
        event |= {"LogicalResourceId": name, "ResourceType": kind, "ResourceStatus": "DELETE_FAILED"}
        event |= {"ResourceStatusReason": reason, "PhysicalResourceId": physical or name}
        self.events[stack].insert(0, event)

    def delete_stack(self, **_: Any) -> None:
        if self._ends == "DELETE_FAILED":
            self.say(OUTER, "farm", stack_deletion.NESTED, "Of course", physical=OUTER)
            self.say(INNER, "Subnet", "AWS::EC2::Subnet", "It has dependencies.")
            self.say(OUTER, "Inner", stack_deletion.NESTED, "Embedded stack was not deleted", physical=INNER)
            self.say(OUTER, "Bucket", stack_deletion.BUCKET, "It is not empty.")

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        if not self._steps:
            return {"Stacks": [{"StackStatus": self._ends}]}
        self.states |= self._steps.pop(0)
        return {"Stacks": [{"StackStatus": "DELETE_IN_PROGRESS"}]}

    def get_paginator(self, verb: str) -> "Pages":
        return Pages(self, verb)


class Pages:
    """Lists with one item to a page."""

    def __init__(self, cloudformation: CloudFormation, verb: str) -> None:
        self._cloudformation, self._verb = cloudformation, verb

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        if self._verb == "describe_stack_events":
            for event in self._cloudformation.events[arguments["StackName"]]:
                yield {"StackEvents": [event]}
            return
        for name, status in self._cloudformation.states.items():
            resource = {"LogicalResourceId": name, "ResourceType": "AWS::X::Y", "ResourceStatus": status}
            yield {"StackResourceSummaries": [resource]}


def delete(cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Failure], list[str]]:
    told: list[str] = []
    monkeypatch.setattr(stack_deletion, "client", lambda _: cloudformation)
    monkeypatch.setattr(stack_deletion, "POLL_EVERY", 0)
    return stack_deletion.delete_stack(OUTER, told.append), told


def test_the_progress_of_a_deletion_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [
        {"Queue": "DELETE_IN_PROGRESS", "Bucket": "DELETE_IN_PROGRESS", "Inner": "DELETE_IN_PROGRESS"},
        {"Queue": "DELETE_COMPLETE"},
        {"Bucket": "DELETE_SKIPPED", "Inner": "DELETE_COMPLETE"},
    ]
    failures, told = delete(CloudFormation(steps, "DELETE_COMPLETE"), monkeypatch)
    assert failures == []
    assert told == [
        "Deleted 0 of 3 resources of the stack; deleting Queue, Bucket, Inner",
        "Deleted 1 of 3 resources of the stack; deleting Bucket, Inner",
        "Deleted 3 of 3 resources of the stack",
    ]


def test_a_failed_deletion_returns_the_failed_resources_of_this_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    failures, _ = delete(CloudFormation([{}], "DELETE_FAILED"), monkeypatch)
    assert failures == [
        Failure(resource="Bucket", type=stack_deletion.BUCKET, reason="It is not empty."),
        Failure(resource="Subnet", type="AWS::EC2::Subnet", reason="It has dependencies."),
    ]


def test_a_deletion_with_an_unexpected_status_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    failures, _ = delete(CloudFormation([], "UPDATE_COMPLETE"), monkeypatch)
    assert [failure.reason for failure in failures] == ["the stack's status is UPDATE_COMPLETE"]
