"""SQS queues: leases, and numbers of messages."""

from datetime import timedelta

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from frameloom.aws.queue import Depth, Queue

LEASE = timedelta(seconds=30)
AT_ONCE = timedelta(0)


@pytest.fixture
def queue(request: pytest.FixtureRequest) -> Queue:
    request.getfixturevalue("aws")
    return Queue(boto3.client("sqs").create_queue(QueueName="chunks")["QueueUrl"])


def test_a_message_is_leased_to_one_worker_and_deleted_by_it(queue: Queue) -> None:
    queue.send('{"chunk": "ü"}')
    message = queue.receive(lease=LEASE, wait=AT_ONCE)
    assert message is not None
    assert (message.body, message.receives) == ('{"chunk": "ü"}', 1)
    assert queue.receive(lease=LEASE, wait=AT_ONCE) is None
    assert queue.renew(message.receipt, LEASE)
    queue.delete(message.receipt)
    assert queue.receive(lease=LEASE, wait=AT_ONCE) is None


def test_an_empty_queue_returns_no_message(queue: Queue) -> None:
    assert queue.receive(lease=LEASE, wait=AT_ONCE) is None


def test_a_message_with_an_expired_lease_goes_to_the_next_worker_and_counts(queue: Queue) -> None:
    queue.send("chunk")
    first = queue.receive(lease=AT_ONCE, wait=AT_ONCE)
    second = queue.receive(lease=LEASE, wait=AT_ONCE)
    assert first is not None
    assert second is not None
    assert (second.body, second.receives) == ("chunk", 2)


def test_a_renewal_keeps_the_message_from_others(queue: Queue) -> None:
    queue.send("chunk")
    message = queue.receive(lease=timedelta(seconds=1), wait=AT_ONCE)
    assert message is not None
    assert queue.renew(message.receipt, LEASE)
    assert queue.receive(lease=LEASE, wait=timedelta(seconds=2)) is None


def test_a_lost_lease_cannot_be_renewed_and_its_message_not_deleted_twice(queue: Queue) -> None:
    queue.send("chunk")
    message = queue.receive(lease=LEASE, wait=AT_ONCE)
    assert message is not None
    queue.delete(message.receipt)
    assert queue.renew(message.receipt, LEASE) is False
    queue.delete(message.receipt)


@pytest.mark.parametrize(
    "code",
    [
        "AWS.SimpleQueueService.MessageNotInflight",
        "MessageNotInflight",
        "ReceiptHandleIsInvalid",
        "InvalidParameterValue",
    ],
)
def test_every_error_code_for_a_lost_lease_is_recognized(code: str) -> None:
    sqs = boto3.client("sqs")
    with Stubber(sqs) as stub:
        stub.add_client_error("change_message_visibility", code)
        stub.add_client_error("delete_message", code)
        assert Queue("https://sqs/chunks", sqs).renew("receipt", LEASE) is False
        Queue("https://sqs/chunks", sqs).delete("receipt")
        stub.assert_no_pending_responses()


def test_other_errors_of_the_queue_are_raised() -> None:
    sqs = boto3.client("sqs")
    with Stubber(sqs) as stub:
        for operation in ("change_message_visibility", "delete_message"):
            stub.add_client_error(operation, "AWS.SimpleQueueService.NonExistentQueue")
        with pytest.raises(ClientError):
            Queue("https://sqs/chunks", sqs).renew("receipt", LEASE)
        with pytest.raises(ClientError):
            Queue("https://sqs/chunks", sqs).delete("receipt")


def test_an_empty_queue_has_no_messages(queue: Queue) -> None:
    assert queue.depth() == Depth(waiting=0, in_flight=0)


def test_waiting_and_leased_messages_are_counted_separately(queue: Queue) -> None:
    for body in ("one", "two", "three"):
        queue.send(body)
    leased = queue.receive(lease=timedelta(seconds=30), wait=timedelta())
    assert leased is not None
    assert queue.depth() == Depth(waiting=2, in_flight=1)
    queue.delete(leased.receipt)
    assert queue.depth() == Depth(waiting=2, in_flight=0)
