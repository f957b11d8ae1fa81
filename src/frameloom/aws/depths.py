"""How much is left to do, by the queues of a farm."""

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from frameloom.aws.queue import Queue
from frameloom.aws.stack import Stack
from frameloom.model.errors import FarmUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Depths:
    """Chunks that wait, chunks that workers hold, and chunks that were given up; SQS counts approximately."""

    waiting: int
    in_flight: int
    dead_letters: int


def depths(stack: Stack) -> Depths:
    """Return how many chunks there are.

    Raises:
        FarmUnavailable: SQS does not say.
    """
    try:
        chunks, lost = Queue(stack.chunk_queue).depth(), Queue(stack.dead_letter_queue).depth()
    except (BotoCoreError, ClientError) as error:
        raise FarmUnavailable(problem=f"The queues cannot be read: {error}") from error
    return Depths(waiting=chunks.waiting, in_flight=chunks.in_flight, dead_letters=lost.waiting + lost.in_flight)
