"""SQS queues: the chunk queue, its dead-letter queue and the log queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from frameloom.aws.clients import client
from frameloom.model.errors import FarmUnavailable
from frameloom.services.storage.ports import Received

# The longest poll of SQS: an idle worker sends three requests a minute, and gets a new message at once.
LONGEST_POLL = timedelta(seconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """Numbers of visible and of leased messages in a queue; both are approximate."""

    waiting: int
    in_flight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Depths:
    """Numbers of waiting chunks, of chunks that workers lease, and of dead letters; all are approximate."""

    waiting: int
    in_flight: int
    dead_letters: int


def read_depths(chunk_queue: str, dead_letter_queue: str, sqs: Any = None) -> Depths:
    """Return the depths of a farm's queues, which are given by their URLs; `sqs` is the client, None for the process's.

    Raises:
        FarmUnavailable: SQS refuses the request or cannot be reached.
    """
    try:
        chunks, lost = Queue(chunk_queue, sqs).depth(), Queue(dead_letter_queue, sqs).depth()
    except (BotoCoreError, ClientError) as error:
        raise FarmUnavailable(problem=f"The queues cannot be read: {error}") from error
    return Depths(waiting=chunks.waiting, in_flight=chunks.in_flight, dead_letters=lost.waiting + lost.in_flight)


class Queue:
    """One SQS queue.

    Args:
        url: the queue's URL.
        sqs: the client for all requests; None for the process's client.
        leases: the client for renewals of leases; None for `sqs`.
    """

    def __init__(self, url: str, sqs: Any = None, *, leases: Any = None) -> None:
        self.url = url
        self._sqs = client("sqs") if sqs is None else sqs
        self._leases = self._sqs if leases is None else leases

    def receive(self, *, lease: timedelta, wait: timedelta = LONGEST_POLL) -> Received | None:
        """Return a message, leased for `lease`; None if no message arrives within `wait`."""
        answer = self._sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=1,
            WaitTimeSeconds=round(wait.total_seconds()),
            VisibilityTimeout=round(lease.total_seconds()),
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        messages: Sequence[dict[str, Any]] = answer.get("Messages", [])
        if not messages:
            return None
        message = messages[0]
        receives = int(message["Attributes"]["ApproximateReceiveCount"])
        return Received(body=message["Body"], receipt=message["ReceiptHandle"], receives=receives)

    def renew(self, receipt: str, lease: timedelta) -> bool:
        """Renew a lease from now on; return False if it is lost, and another worker may hold the message."""
        try:
            self._leases.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=receipt, VisibilityTimeout=round(lease.total_seconds())
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _LOST:
                return False
            raise
        return True

    def give_back(self, receipt: str, after: timedelta) -> None:
        """Make a message visible again after a delay; does nothing if the lease was lost, since it is visible then."""
        self.renew(receipt, after)

    def delete(self, receipt: str) -> None:
        """Delete a message; do nothing if it is gone."""
        try:
            self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=receipt)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _LOST:
                raise

    def depth(self) -> Depth:
        """Return the numbers of visible and of leased messages."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        waiting, in_flight = (int(found[name]) for name in names)
        return Depth(waiting=waiting, in_flight=in_flight)

    def send(self, body: str) -> None:
        """Send a message."""
        self._sqs.send_message(QueueUrl=self.url, MessageBody=body)


# Error codes for a receipt that no longer leases its message, as both protocols of SQS spell them.
_LOST = {
    "MessageNotInflight",
    "AWS.SimpleQueueService.MessageNotInflight",
    "ReceiptHandleIsInvalid",
    "InvalidParameterValue",
}
