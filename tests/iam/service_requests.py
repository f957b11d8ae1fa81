"""The IAM requests that AWS services make with a role; an emulator never sees them.

The AWS guides list the permissions of each feature; a role needs them if the stack uses the feature.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from frameloom.local.environment import REGION
from tests.iam.authorization import Request
from tests.iam.intrinsics import ACCOUNT, Stack

_EVERYTHING = "*"


def requests_by_aws(stack: Stack) -> list[Request]:
    """Return the requests that AWS services make with the roles of a stack."""
    return list(
        chain(
            _running_functions(stack),
            _feeding_functions(stack),
            _following_rules(stack),
            _running_machines(stack),
            _scaling_workers(stack),
        )
    )


def _running_functions(stack: Stack) -> Iterator[Request]:
    for its in stack.resources("AWS::Lambda::Function").values():
        role = _role(its["Role"])
        # Lambda developer guide, "Sending Lambda function logs to CloudWatch Logs": these two for an existing group.
        group = stack.value(its["LoggingConfig"]["LogGroup"])
        stream = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:log-stream:stream"
        yield from _each(role, "logs", ["CreateLogStream", "PutLogEvents"], stream, why="its log")
        if its.get("TracingConfig", {}).get("Mode") == "Active":
            # Lambda developer guide, "Visualize Lambda function invocations using AWS X-Ray".
            yield from _each(role, "xray", ["PutTraceSegments", "PutTelemetryRecords"], _EVERYTHING, why="its traces")
        if "DeadLetterConfig" in its:
            # Lambda developer guide, "Capturing records of Lambda asynchronous invocations".
            queue = stack.value(its["DeadLetterConfig"]["TargetArn"])
            yield from _each(role, "sqs", ["SendMessage"], queue, why="an event that it failed")


def _feeding_functions(stack: Stack) -> Iterator[Request]:
    for its in stack.resources("AWS::Lambda::EventSourceMapping").values():
        # Lambda developer guide, "Using Lambda with Amazon SQS", execution role permissions.
        role = _role(stack.resources("AWS::Lambda::Function")[its["FunctionName"]["Ref"]]["Role"])
        queue = stack.value(its["EventSourceArn"])
        yield from _each(role, "sqs", ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"], queue, why="its queue")


def _following_rules(stack: Stack) -> Iterator[Request]:
    machines = [stack.arn(logical) for logical in stack.resources("AWS::StepFunctions::StateMachine")]
    for its in stack.resources("AWS::Events::Rule").values():
        for target in its["Targets"]:
            if stack.value(target["Arn"]) in machines:
                # EventBridge user guide, "Using identity-based policies": a target that is a state machine.
                machine = stack.value(target["Arn"])
                yield from _each(_role(target["RoleArn"]), "states", ["StartExecution"], machine, why="its rule")


def _running_machines(stack: Stack) -> Iterator[Request]:
    for logical, its in stack.resources("AWS::StepFunctions::StateMachine").items():
        role, machine = _role(its["RoleArn"]), stack.arn(logical)
        name = machine.replace(":stateMachine:", ":execution:")
        # Step Functions guide, "IAM policies for using Distributed Map states": the machine starts itself, and
        # describes and stops these executions. The name of a child contains the Map's label. A redrive runs children
        # again.
        yield from _each(role, "states", ["StartExecution"], machine, why="a Map's children")
        for execution in (f"{name}:child", f"{name}/RenderChunks:child", f"{name}/EncodeSegments:child"):
            yield from _each(role, "states", ["DescribeExecution", "StopExecution"], execution, why="a Map's children")
        for label in ("RenderChunks", "EncodeSegments"):
            yield from _each(role, "states", ["RedriveExecution"], f"{name}/{label}:child", why="a redrive")
        # As above, for a ResultWriter, which uses multipart uploads for large results.
        written = f"{stack.arn('LogBucket')}/jobs/job/map/run/SUCCEEDED_0.json"
        parts = ["PutObject", "GetObject", "ListMultipartUploadParts", "AbortMultipartUpload"]
        yield from _each(role, "s3", parts, written, why="a Map's results")
        # Step Functions guide, "Using CloudWatch Logs to log execution history".
        yield from _each(role, "logs", _LOG_DELIVERY, _EVERYTHING, why="its log")
        for destination in its["LoggingConfiguration"]["Destinations"]:
            group = stack.value(destination["CloudWatchLogsLogGroup"]["LogGroupArn"]).removesuffix(":*")
            stream = f"{group}:log-stream:stream"
            yield from _each(role, "logs", ["CreateLogStream", "PutLogEvents"], stream, why="its log")
        # Step Functions guide, "Trace Step Functions request data in AWS X-Ray".
        yield from _each(role, "xray", _TRACING, _EVERYTHING, why="its traces")


def _scaling_workers(stack: Stack) -> Iterator[Request]:
    # KEDA's documentation, "AWS SQS Queue": it reads the length of the queue.
    yield from _each("KedaRole", "sqs", ["GetQueueAttributes"], stack.arn("ChunkQueue"), why="KEDA's scaler")


_LOG_DELIVERY = [
    "CreateLogDelivery",
    "GetLogDelivery",
    "UpdateLogDelivery",
    "DeleteLogDelivery",
    "ListLogDeliveries",
    "PutResourcePolicy",
    "DescribeResourcePolicies",
    "DescribeLogGroups",
]
_TRACING = ["PutTraceSegments", "PutTelemetryRecords", "GetSamplingRules", "GetSamplingTargets"]


def _each(role: str, service: str, actions: list[str], resource: str, *, why: str) -> Iterator[Request]:
    for action in actions:
        yield Request(role=role, action=f"{service}:{action}", resource=resource, why=f"AWS, for {why}", by_aws=True)


def _role(arn: Any) -> str:
    """Return the logical name of the role in a property with its ARN."""
    logical, _ = arn["Fn::GetAtt"]
    return str(logical)
