"""A deployed farm, found by the outputs of its stack."""

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from frameloom.aws.clients import client
from frameloom.model.errors import FarmUnavailable
from frameloom.services.ports import Buckets


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What a client needs to know of a farm."""

    buckets: Buckets
    chunk_queue: str
    dead_letter_queue: str
    machine: str
    blender: str


def find_stack(name: str) -> Stack:
    """Return the farm of a CloudFormation stack.

    Raises:
        FarmUnavailable: there is no such stack, it is no farm, or AWS cannot be reached.
    """
    return stack_of(stack_outputs(name), name=name)


def stack_outputs(name: str) -> dict[str, str]:
    """Return what a CloudFormation stack says of itself.

    Raises:
        FarmUnavailable: there is no such stack, or AWS cannot be reached.
    """
    try:
        found = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except (BotoCoreError, ClientError) as error:
        raise FarmUnavailable(problem=f"The stack {name!r} cannot be read: {error}") from error
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def stack_of(outputs: dict[str, str], *, name: str) -> Stack:
    """Return the farm that a stack's outputs describe."""
    try:
        return Stack(
            buckets=Buckets(
                scenes=outputs["ScenesBucketName"], frames=outputs["FramesBucketName"], logs=outputs["LogBucketName"]
            ),
            chunk_queue=outputs["ChunkQueueUrl"],
            dead_letter_queue=outputs["ChunkDeadLetterQueueUrl"],
            machine=outputs["StateMachineArn"],
            blender=outputs["BlenderVersion"],
        )
    except KeyError as error:
        raise FarmUnavailable(problem=f"The stack {name!r} is no Frameloom farm: it has no output {error}.") from None
