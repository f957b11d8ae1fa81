"""Turns AWS calls into IAM requests: an action on a resource, in a context.

A call without a rule here is an error, so that it is never treated as allowed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from frameloom.local.environment import REGION
from tests.iam.calls import Call
from tests.iam.intrinsics import ACCOUNT

# Source: S3 user guide, "Required permissions for Amazon S3 API operations".
_ON_OBJECTS = {
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
}
# With one of these parameters, a PUT needs further permissions, for which there is no rule here.
_MORE_RIGHTS = ("Tagging", "ACL", "Grant", "ObjectLock", "SSEKMS")
_ON_QUEUES = {"SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes"}
_ON_TASKS = {"SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"}
_NOT_FOUND = 404

# The service authorization reference has no resource for these actions, but AWS checks the state machine of the task:
# its error messages name it, and SAM's StepFunctionsCallbackPolicy and CDK's grantTaskResponse grant it.
UNDOCUMENTED = frozenset(f"states:{operation}" for operation in _ON_TASKS)

# An action, its resource, and the condition keys.
_Asked = Iterator[tuple[str, str, Mapping[str, str | list[str]]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An authorization request to IAM.

    Attributes:
        role: the logical name of the caller's role.
        context: the condition keys.
        why: the reason for the request.
        by_aws: whether an AWS service makes the request with the role, instead of a program of this repository.
    """

    role: str
    action: str
    resource: str
    context: tuple[tuple[str, str | tuple[str, ...]], ...] = ()
    why: str
    by_aws: bool = False

    def __str__(self) -> str:
        """Return the request as a line of a report."""
        return f"{self.role}: {self.action} on {self.resource} ({self.why})"


def requests_of(call: Call, *, role: str, task_owners: Sequence[str]) -> list[Request]:
    """Return the IAM requests of a call: AWS responds as the emulator did if all are allowed.

    Args:
        call: the call.
        role: the logical name of the role that made it.
        task_owners: the ARNs of the possible state machines of a task token, which does not contain its own.

    Raises:
        ValueError: there is no rule for the call.
    """
    match call.service:
        case "s3":
            asked = _s3(call)
        case "sqs":
            asked = _sqs(call)
        case "states":
            asked = _states(call, task_owners)
        case "lambda":
            asked = _lambda(call)
        case "events":
            asked = _events(call)
        case _:
            raise _unknown(call)
    return [
        Request(
            role=role,
            action=action,
            resource=resource,
            context=tuple(
                (name, value if isinstance(value, str) else tuple(value)) for name, value in sorted(context.items())
            ),
            why=f"{call.operation}, answered {call.status}",
        )
        for action, resource, context in asked
    ]


def _s3(call: Call) -> _Asked:
    bucket = f"arn:aws:s3:::{call.parameters['Bucket']}"
    if call.operation == "ListObjectsV2":
        yield "s3:ListBucket", bucket, {"s3:prefix": call.parameters["Prefix"]} if "Prefix" in call.parameters else {}
        return
    if call.operation not in _ON_OBJECTS or any(name.startswith(_MORE_RIGHTS) for name in call.parameters):
        raise _unknown(call)
    action = _ON_OBJECTS[call.operation]
    if action == "s3:GetObject" and "VersionId" in call.parameters:
        # Source: S3 API reference, GetObject: s3:GetObject is not required then.
        action = "s3:GetObjectVersion"
    yield action, f"{bucket}/{call.parameters['Key']}", {}
    if call.status == _NOT_FOUND:
        # Source: as above. Without the right to list the bucket, the response for a missing object is 403.
        yield "s3:ListBucket", bucket, {}


def _sqs(call: Call) -> _Asked:
    if call.operation not in _ON_QUEUES:
        raise _unknown(call)
    account, name = urlsplit(call.parameters["QueueUrl"]).path.strip("/").split("/")
    yield f"sqs:{call.operation}", f"arn:aws:sqs:{REGION}:{account}:{name}", {}


def _states(call: Call, task_owners: Sequence[str]) -> _Asked:
    action = f"states:{call.operation}"
    if call.operation in _ON_TASKS:
        for owner in task_owners:
            yield action, owner, {}
    elif call.operation == "StartExecution":
        yield action, call.parameters["stateMachineArn"], {}
    elif call.operation in ("DescribeExecution", "StopExecution"):
        yield action, call.parameters["executionArn"], {}
    else:
        raise _unknown(call)


def _lambda(call: Call) -> _Asked:
    function: str = call.parameters.get("FunctionName", "")
    if call.operation != "Invoke" or not function.startswith("arn:"):
        raise _unknown(call)
    yield "lambda:InvokeFunction", function, {}


def _events(call: Call) -> _Asked:
    if call.operation != "PutEvents":
        raise _unknown(call)
    for entry in call.parameters["Entries"]:
        bus = entry.get("EventBusName", "default").rpartition("/")[2]
        arn = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{bus}"
        yield "events:PutEvents", arn, {"events:source": entry["Source"], "events:detail-type": entry["DetailType"]}


def _unknown(call: Call) -> ValueError:
    return ValueError(f"no rule for {call.service} {call.operation} with {sorted(call.parameters)}: add one")
