"""A stack taken away: what it holds, how its deletion goes on, and why it failed."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from frameloom.aws.clients import client
from frameloom.model.counts import counted
from frameloom.model.errors import FarmUnavailable

# In seconds; CloudFormation tells news about as often.
LOOK_EVERY = 5.0
# What stands for a nested stack and a bucket among a stack's resources.
NESTED, BUCKET, REPOSITORY = "AWS::CloudFormation::Stack", "AWS::S3::Bucket", "AWS::ECR::Repository"
_GONE = ("DELETE_COMPLETE", "DELETE_SKIPPED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource of a stack: its name in the template, its type, and its own name in AWS."""

    name: str
    type: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A resource that could not be deleted, and why."""

    resource: str
    type: str
    reason: str


def resources(stack_id: str) -> list[Resource]:
    """Return the resources of a stack that are there, those of its nested stacks not."""
    pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack_id)
    return [
        Resource(name=each["LogicalResourceId"], type=each["ResourceType"], id=each.get("PhysicalResourceId", ""))
        for page in pages
        for each in page["StackResourceSummaries"]
        if each["ResourceStatus"] not in _GONE
    ]


def deleted_stack(name: str) -> dict[str, str] | None:
    """Return the outputs of the newest stack of a name that was deleted, None where there is none.

    CloudFormation knows of it for 90 days.
    """
    cloudformation = client("cloudformation")
    pages = cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
    found = [each for page in pages for each in page["StackSummaries"] if each["StackName"] == name]
    if not found:
        return None
    newest = max(found, key=lambda each: str(each.get("DeletionTime", each["CreationTime"])))
    stack = cloudformation.describe_stacks(StackName=newest["StackId"])["Stacks"][0]
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def delete_stack(stack_id: str, tell: Callable[[str], None]) -> list[Failure]:
    """Delete a stack and wait until it is gone; return what could not be deleted.

    `tell` is given a sentence whenever there is news.

    Raises:
        FarmUnavailable: CloudFormation refuses to begin.
    """
    cloudformation = client("cloudformation")
    total = len(resources(stack_id))
    # By CloudFormation's own clock: this machine's may be ahead, and would hide why it failed.
    began = next((event["Timestamp"] for event in _events(stack_id)), datetime.min.replace(tzinfo=UTC))
    try:
        cloudformation.delete_stack(StackName=stack_id)
    except ClientError as error:
        raise FarmUnavailable(problem=f"CloudFormation does not delete the stack: {error}") from None
    while (status := status_of(stack_id)) == "DELETE_IN_PROGRESS":
        tell(_progress(stack_id, total))
        time.sleep(LOOK_EVERY)
    if status in (None, "DELETE_COMPLETE"):
        return []
    return list(_failures(stack_id, since=began)) or [
        Failure(resource=stack_id, type=NESTED, reason=f"CloudFormation says {status}")
    ]


def status_of(stack: str) -> str | None:
    """Return how a stack of this name or id stands, None where there is none."""
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
    rest = f"; at work on {', '.join(now[:3])}{others}" if now else ""
    return f"{total - len(left)} of {counted(total, 'resource')} of the stack are gone{rest}"


def _failures(stack_id: str, *, since: datetime) -> Iterator[Failure]:
    """Yield what failed since a time, looking into nested stacks, which fail for the sake of what they hold."""
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
