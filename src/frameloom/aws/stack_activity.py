"""The running jobs of a stack and the depth of its queues."""

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from frameloom.aws.executions import JobExecutions
from frameloom.aws.queue import Depths, read_depths
from frameloom.aws.stack import Stack
from frameloom.model.errors import FarmUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """The number of running jobs and the depth of the queues; None if unknown, with the reason in `problem`."""

    running_jobs: int | None
    queue: Depths | None
    problem: str | None


def read_activity(stack: Stack) -> Activity:
    """Return the activity of a stack; figures are None if AWS does not respond."""
    running_jobs, queue, problems = None, None, []
    try:
        running_jobs = sum(1 for _ in JobExecutions(stack.machine).running())
    except (BotoCoreError, ClientError) as error:
        problems.append(f"The running jobs cannot be listed: {error}".rstrip("."))
    try:
        queue = read_depths(stack.chunk_queue, stack.dead_letter_queue)
    except FarmUnavailable as error:
        problems.append(str(error).rstrip("."))
    return Activity(running_jobs=running_jobs, queue=queue, problem=". ".join([*problems, ""]).rstrip() or None)
