"""A deployed farm, found by the outputs of its stack."""

from dataclasses import dataclass, replace

from botocore.exceptions import BotoCoreError, ClientError

from frameloom.aws.clients import client
from frameloom.model.errors import FarmUnavailable
from frameloom.model.settings import Device, read_device
from frameloom.services.storage.ports import Buckets


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What a client needs to know of a farm; `cluster` and all above it that is None, the stack has not."""

    name: str
    buckets: Buckets
    chunk_queue: str
    dead_letter_queue: str
    machine: str
    blender: str
    # What Cycles renders on there; a stack of before there was a choice says nothing and has the CPU.
    device: Device = "CPU"
    log_queue: str | None = None
    repository_uri: str | None = None
    keda_role: str | None = None
    cluster: str | None = None
    # The Kubernetes namespace of its workers, and whether the cluster was created with the stack and goes with it.
    namespace: str = "frameloom"
    owns_cluster: bool = False
    id: str = ""

    @property
    def region(self) -> str:
        """Return the region that the stack lies in."""
        # arn:aws:cloudformation:<region>:<account>:stack/...
        return self.id.split(":")[3]


def find_stack(name: str) -> Stack:
    """Return the farm of a CloudFormation stack.

    Raises:
        FarmUnavailable: there is no such stack, it is no farm, or AWS cannot be reached.
    """
    try:
        found = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except (BotoCoreError, ClientError) as error:
        raise FarmUnavailable(problem=f"The stack {name!r} cannot be read: {error}") from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])}
    stack = stack_of(outputs, name=name)
    return replace(stack, id=found["StackId"], owns_cluster=parameters.get("Cluster") == "create")


def stack_of(outputs: dict[str, str], *, name: str) -> Stack:
    """Return the farm that a stack's outputs describe."""
    try:
        return Stack(
            name=name,
            buckets=Buckets(
                scenes=outputs["ScenesBucketName"], frames=outputs["FramesBucketName"], logs=outputs["LogBucketName"]
            ),
            chunk_queue=outputs["ChunkQueueUrl"],
            dead_letter_queue=outputs["ChunkDeadLetterQueueUrl"],
            machine=outputs["StateMachineArn"],
            blender=outputs["BlenderVersion"],
            device=read_device(outputs.get("CyclesDevice", "CPU")),
            log_queue=outputs.get("LogQueueUrl"),
            repository_uri=outputs.get("WorkerRepositoryUri"),
            keda_role=outputs.get("KedaRoleArn"),
            cluster=outputs.get("ClusterName"),
            namespace=outputs.get("FleetNamespace", "frameloom"),
        )
    except KeyError as error:
        raise FarmUnavailable(problem=f"The stack {name!r} is no Frameloom farm: it has no output {error}.") from None
