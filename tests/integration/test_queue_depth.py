"""How much is in a queue, as SQS tells it."""

from collections.abc import Iterator
from datetime import timedelta

import boto3
import pytest
from moto import mock_aws

from frameloom.aws.queue import Depth, Queue


@pytest.fixture
def queue() -> Iterator[Queue]:
    with mock_aws():
        yield Queue(boto3.client("sqs").create_queue(QueueName="chunks")["QueueUrl"])


def test_an_empty_queue_holds_nothing(queue: Queue) -> None:
    assert queue.depth() == Depth(waiting=0, in_flight=0)


def test_messages_that_wait_are_told_from_those_that_are_leased(queue: Queue) -> None:
    for body in ("one", "two", "three"):
        queue.send(body)
    leased = queue.receive(lease=timedelta(seconds=30), wait=timedelta())
    assert leased is not None
    assert queue.depth() == Depth(waiting=2, in_flight=1)
    queue.delete(leased.receipt)
    assert queue.depth() == Depth(waiting=2, in_flight=0)
