"""Deployed farms, found by the outputs of their CloudFormation stacks."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from frameloom.aws.clients import client
from frameloom.aws.transient import is_throttled
from frameloom.model.blenders import parse_blenders
from frameloom.model.errors import FarmUnavailable
from frameloom.model.settings import Device, read_device
from frameloom.services.storage.ports import Buckets

# The first words of the description in template.yaml. A stack whose creation failed has no outputs, only this.
DESCRIPTION = "Frameloom, a Blender render farm"
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A farm's stack. `cluster` and other fields that are None stand for resources that the stack does not have."""

    name: str
    buckets: Buckets
    chunk_queue: str
    dead_letter_queue: str
    machine: str
    # Full versions, oldest first.
    blenders: tuple[str, ...]
    # The device that Cycles renders on by default. Stacks of early versions lack this output and use the CPU.
    device: Device = "CPU"
    log_queue: str | None = None
    repository_uri: str | None = None
    keda_role: str | None = None
    cluster: str | None = None
    # The Kubernetes namespace of the workers.
    namespace: str = "frameloom"
    # Whether the stack created its cluster, and deletes it.
    owns_cluster: bool = False
    id: str = ""

    @property
    def region(self) -> str:
        """Return the stack's region."""
        # arn:aws:cloudformation:<region>:<account>:stack/...
        return self.id.split(":")[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedStack:
    """A Frameloom stack with its status in CloudFormation; `farm` is None if it has no outputs, or too few."""

    name: str
    status: str
    created: datetime
    farm: Stack | None


def find_stack(name: str) -> Stack:
    """Return the farm of a CloudFormation stack.

    Raises:
        FarmUnavailable: the stack does not exist or is not a farm's, or AWS cannot be reached.
    """
    try:
        found = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except (BotoCoreError, ClientError) as error:
        raise FarmUnavailable(problem=f"The stack {name!r} cannot be read: {error}") from error
    return _described(found)


def list_stacks() -> list[ListedStack]:
    """Return the Frameloom stacks of this account and region by name, whatever their status, except deleted ones.

    Raises:
        FarmUnavailable: the stacks cannot be listed.
    """
    try:
        pages = client("cloudformation").get_paginator("describe_stacks").paginate()
        found = [each for page in pages for each in page["Stacks"]]
    except (BotoCoreError, ClientError) as error:
        raise FarmUnavailable(problem=_no_list(error)) from error
    listed = map(_listed, found)
    return sorted((each for each in listed if each is not None), key=lambda each: each.name)


def stack_of(outputs: dict[str, str], *, name: str) -> Stack:
    """Return the farm that a stack's outputs describe.

    Raises:
        FarmUnavailable: an output is missing, so the stack is not a farm's.
    """
    try:
        return Stack(
            name=name,
            buckets=Buckets(
                scenes=outputs["ScenesBucketName"], frames=outputs["FramesBucketName"], logs=outputs["LogBucketName"]
            ),
            chunk_queue=outputs["ChunkQueueUrl"],
            dead_letter_queue=outputs["ChunkDeadLetterQueueUrl"],
            machine=outputs["StateMachineArn"],
            # Stacks of version 0.1.0 have one Blender.
            blenders=parse_blenders(outputs["BlenderVersion" if "BlenderVersion" in outputs else "BlenderVersions"]),
            device=read_device(outputs.get("CyclesDevice", "CPU")),
            log_queue=outputs.get("LogQueueUrl"),
            repository_uri=outputs.get("WorkerRepositoryUri"),
            keda_role=outputs.get("KedaRoleArn"),
            cluster=outputs.get("ClusterName"),
            namespace=outputs.get("FleetNamespace", "frameloom"),
        )
    except KeyError as error:
        raise FarmUnavailable(problem=f"The stack {name!r} is no Frameloom farm: it has no output {error}.") from None


def _described(found: dict[str, Any]) -> Stack:
    """Return the farm of a stack as CloudFormation describes it."""
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])}
    stack = stack_of(outputs, name=found["StackName"])
    return replace(stack, id=found["StackId"], owns_cluster=parameters.get("Cluster") == "create")


def _listed(found: dict[str, Any]) -> ListedStack | None:
    """Return a stack with its status; None if it is not a Frameloom stack."""
    try:
        farm = _described(found)
    except FarmUnavailable:
        if not found.get("Description", "").startswith(DESCRIPTION):
            return None
        farm = None
    return ListedStack(name=found["StackName"], status=found["StackStatus"], created=found["CreationTime"], farm=farm)


def _no_list(error: Exception) -> str:
    """Return a sentence on why the stacks cannot be listed, and what to do."""
    sentence = f"The stacks cannot be listed: {error}".rstrip(".")
    if is_throttled(error):
        return f"{sentence}. Run the command again in a minute."
    if isinstance(error, ClientError) and error.response["Error"]["Code"] in _DENIED:
        return f"{sentence}. Ask for the permission cloudformation:DescribeStacks."
    return f"{sentence}."
