"""Read-only probes of a deployed farm."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from tests.deploy.account import Account
from tests.deploy.farm import Deployed

SUBMIT = "SubmitJobFunction"


def ask_for_a_scene_that_is_absent(account: Account, deployed: Deployed) -> str:
    """Return the error message of a `submit_job` for a scene that does not exist."""
    request = json.dumps({"file": "absent.blend", "frames": "1"})
    answer = account.client("lambda").invoke(FunctionName=deployed.resources[SUBMIT][1], Payload=request)
    return str(json.load(answer["Payload"])["errorMessage"])


@contextmanager
def without_its_rights(account: Account, deployed: Deployed, function: str) -> Iterator[None]:
    """Remove a function's own policies for the duration of the block."""
    access, role = account.client("iam"), deployed.resources[f"{function}Role"][1]
    names = access.list_role_policies(RoleName=role)["PolicyNames"]
    taken = {name: access.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}
    assert taken
    for name in taken:
        access.delete_role_policy(RoleName=role, PolicyName=name)
    try:
        yield
    finally:
        for name, document in taken.items():
            access.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


def announce(account: Account, deployed: Deployed, summary: dict[str, Any], *, resources: list[str]) -> str | None:
    """Announce a job's end as Step Functions does; return the topic's message, None without one."""
    topics, queues = account.client("sns"), account.client("sqs")
    with _reader(queues) as (url, arn):
        topic = deployed.outputs["NotificationTopicArn"]
        subscription = topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
        try:
            event = {"Source": "frameloom", "DetailType": "Frameloom Job Ended", "Detail": json.dumps(summary)}
            account.client("events").put_events(Entries=[{**event, "Resources": resources}])
            time.sleep(0.5)
            found = queues.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", [])
        finally:
            topics.unsubscribe(SubscriptionArn=subscription)
    return str(json.loads(found[0]["Body"])["Message"]) if found else None


@contextmanager
def _reader(queues: Any) -> Iterator[tuple[str, str]]:
    url = queues.create_queue(QueueName="reader")["QueueUrl"]
    try:
        attributes = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        policy = {"Version": "2012-10-17", "Statement": [{**allow, "Resource": attributes["QueueArn"]}]}
        queues.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        yield url, attributes["QueueArn"]
    finally:
        queues.delete_queue(QueueUrl=url)


def reasons_for_refusal(account: Account, resource: dict[str, Any]) -> list[str]:
    """Return CloudFormation's reasons for not creating a resource, in a stack that is deleted afterwards."""
    stacks = account.client("cloudformation")
    try:
        stacks.create_stack(StackName="canary", TemplateBody=json.dumps({"Resources": {"Canary": resource}}))
    except ClientError as error:
        return [str(error)]
    try:
        until = time.monotonic() + 30
        while stacks.describe_stacks(StackName="canary")["Stacks"][0]["StackStatus"].endswith("IN_PROGRESS"):
            assert time.monotonic() < until
            time.sleep(0.1)
        events = stacks.describe_stack_events(StackName="canary")["StackEvents"]
        return [event["ResourceStatusReason"] for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
    finally:
        stacks.delete_stack(StackName="canary")
