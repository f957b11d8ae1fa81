"""Deletes a stack, reports the progress, and finds out why a deletion failed."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from frameloom.aws.clients import client
from frameloom.model.counts import counted
from frameloom.model.errors import FarmUnavailable

# Seconds between two polls; the status in CloudFormation changes about as often.
POLL_EVERY = 5.0
# Types of resources.
NESTED, BUCKET, REPOSITORY = "AWS::CloudFormation::Stack", "AWS::S3::Bucket", "AWS::ECR::Repository"
_GONE = ("DELETE_COMPLETE", "DELETE_SKIPPED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource of a stack: its name in the template, its type, and its physical id."""

    name: str
    type: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A resource that could not be deleted, with the reason."""

    resource: str
    type: str
    reason: str


def resources(stack_id: str) -> list[Resource]:
    """Return the existing resources of a stack, without those of its nested stacks."""
    pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack_id)
    return [
        Resource(name=each["LogicalResourceId"], type=each["ResourceType"], id=each.get("PhysicalResourceId", ""))
        for page in pages
        for each in page["StackResourceSummaries"]
        if each["ResourceStatus"] not in _GONE
    ]


def deleted_stack(name: str) -> dict[str, str] | None:
    """Return the outputs of the newest deleted stack with a name; None if no such stack was deleted.

    CloudFormation keeps deleted stacks for 90 days.
    """
    cloudformation = client("cloudformation")
    pages = cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
    found = [each for page in pages for each in page["StackSummaries"] if each["StackName"] == name]
    if not found:
        return None
    newest = max(found, key=lambda each: str(each.get("DeletionTime", each["CreationTime"])))
    stack = cloudformation.describe_stacks(StackName=newest["StackId"])["Stacks"][0]
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def delete_stack(stack_id: str, report: Callable[[str], None]) -> list[Failure]:
    """Delete a stack and wait until it no longer exists; return the resources that could not be deleted.

    `report` receives a progress message at each poll.

    Raises:
        FarmUnavailable: CloudFormation refuses to start.
    """
    cloudformation = client("cloudformation")
    total = len(resources(stack_id))
    # By CloudFormation's clock: if this machine's clock were ahead, the events of the failure would be skipped.
    began = next((event["Timestamp"] for event in _events(stack_id)), datetime.min.replace(tzinfo=UTC))
    try:
        cloudformation.delete_stack(StackName=stack_id)
    except ClientError as error:
        raise FarmUnavailable(problem=f"CloudFormation refused to delete the stack: {error}") from None
    while (status := status_of(stack_id)) == "DELETE_IN_PROGRESS":
        report(_progress(stack_id, total))
        time.sleep(POLL_EVERY)
    if status in (None, "DELETE_COMPLETE"):
        return []
    return list(_failures(stack_id, since=began)) or [
        Failure(resource=stack_id, type=NESTED, reason=f"the stack's status is {status}")
    ]


def status_of(stack: str) -> str | None:
    """Return the status of a stack by its name or id; None if it does not exist."""
    try:
        status: str = client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return status


def _progress(stack_id: str, total: int) -> str:
    left = resources(stack_id)
    pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack_id)
    now = [
        each["LogicalResourceId"]
        for page in pages
        for each in page["StackResourceSummaries"]
        if each["ResourceStatus"] == "DELETE_IN_PROGRESS"
    ]
    others = f" and {len(now) - 3} more" if len(now) > 3 else ""
    rest = f"; deleting {', '.join(now[:3])}{others}" if now else ""
    return f"Deleted {total - len(left)} of {counted(total, 'resource')} of the stack{rest}"


def _failures(stack_id: str, *, since: datetime) -> Iterator[Failure]:
    """Yield the failures since a time; for a nested stack, those of its resources."""
    for event in _events(stack_id):
        if event["Timestamp"] <= since:
            return
        if event["ResourceStatus"] != "DELETE_FAILED" or event["PhysicalResourceId"] == stack_id:
            continue
        inner = event["ResourceType"] == NESTED and list(_failures(event["PhysicalResourceId"], since=since))
        if inner:
            yield from inner
        else:
            yield Failure(
                resource=event["LogicalResourceId"],
                type=event["ResourceType"],
                reason=event.get("ResourceStatusReason", "no reason given"),
            )


def _events(stack_id: str) -> Iterator[Any]:
    """Yield a stack's events, the newest first."""
    for page in client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack_id):
        yield from page["StackEvents"]
