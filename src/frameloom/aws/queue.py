"""SQS as the chunk queue and the log queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from frameloom.aws.clients import client
from frameloom.services.storage.ports import Received

# SQS' longest poll: an idle worker asks three times a minute, and answers a new message at once.
LONGEST_POLL = timedelta(seconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How many messages wait in a queue, and how many are leased; SQS says both approximately."""

    waiting: int
    in_flight: int


class Queue:
    """One SQS queue.

    Args:
        sqs: the client for all calls, the process's own when None.
        leases: the client that renews leases, where another is to.
    """

    def __init__(self, url: str, sqs: Any = None, *, leases: Any = None) -> None:
        self.url = url
        self._sqs = client("sqs") if sqs is None else sqs
        self._leases = self._sqs if leases is None else leases

    def receive(self, *, lease: timedelta, wait: timedelta = LONGEST_POLL) -> Received | None:
        """Return a message, leased for `lease`, or None where none came within `wait`."""
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
        """Lease a message anew from now; return False where the lease was lost: another worker may hold it."""
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
        """Take a message off the queue; one that is gone stays gone."""
        try:
            self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=receipt)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _LOST:
                raise

    def depth(self) -> Depth:
        """Return how many messages there are."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        waiting, in_flight = (int(found[name]) for name in names)
        return Depth(waiting=waiting, in_flight=in_flight)

    def send(self, body: str) -> None:
        """Put a message on the queue."""
        self._sqs.send_message(QueueUrl=self.url, MessageBody=body)


# How SQS says that a receipt no longer holds its message; each name has a spelling of either protocol.
_LOST = {
    "MessageNotInflight",
    "AWS.SimpleQueueService.MessageNotInflight",
    "ReceiptHandleIsInvalid",
    "InvalidParameterValue",
}
