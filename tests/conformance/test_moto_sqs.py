"""A queue of a farm serves several threads at once; each canary runs unpatched moto."""

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.sqs.models import Message, sqs_backends

from tests.conformance.moto_farm import ACCOUNT, REGION


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.canary("sqs._receive_atomically")
def test_canary_two_receivers_can_get_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    boto3.client("sqs").create_queue(QueueName="q")
    queues = sqs_backends[ACCOUNT][REGION]
    queues.send_message("q", "once")
    assert len(received_by_two(queues, monkeypatch)) == 2


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.canary("sqs._delete_atomically")
def test_canary_a_deletion_is_undone_by_a_concurrent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    boto3.client("sqs").create_queue(QueueName="q")
    queues = sqs_backends[ACCOUNT][REGION]
    delete_two_at_once(queues, monkeypatch)
    assert [message.body for message in queues.get_queue("q")._messages] == ["second"]


PATCHED_QUEUES = """
import sys, threading
sys.path.insert(0, {root!r})
from frameloom.local.moto_patches.correctness import sqs
sqs.apply()
import pytest
from moto.sqs.models import sqs_backends
from tests.conformance import test_moto_sqs as test
queues = sqs_backends["123456789012"]["us-east-1"]
queues.create_queue("q", None, region="us-east-1")
with pytest.MonkeyPatch.context() as patch:
    queues.send_message("q", "once")
    (found,) = test.received_by_two(queues, patch)
    queues.delete_message("q", found.receipt_handle)
    test.delete_two_at_once(queues, patch)
print(queues.get_queue("q")._messages)
"""


def test_each_message_goes_to_one_receiver_and_deletions_last() -> None:
    program = PATCHED_QUEUES.format(root=str(Path(__file__).parents[2]))
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.stdout.strip() == "[]", ended.stderr


def received_by_two(queues: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the messages that two receivers get when the first is slow to mark a message as received."""
    original, found = Message.mark_received, []

    def slowly(self: Message, *args: Any, **kwargs: Any) -> None:
        time.sleep(0.3)
        original(self, *args, **kwargs)

    monkeypatch.setattr(Message, "mark_received", slowly)
    receivers = [threading.Thread(target=lambda: found.extend(queues.receive_message("q", 1, 0, 30))) for _ in "ab"]
    for receiver in receivers:
        receiver.start()
        time.sleep(0.1)
    for receiver in receivers:
        receiver.join()
    return found


def delete_two_at_once(queues: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Delete two messages, the second while the first deletion iterates over the queue's messages."""
    for body in ("first", "second"):
        queues.send_message("q", body)
    first, second = queues.receive_message("q", 2, 0, 30)
    original, checks = Message.had_receipt_handle, []

    def looked_for(self: Message, receipt_handle: str) -> bool:
        if receipt_handle == first.receipt_handle:
            checks.append(receipt_handle)
            # The first call checks that the message exists, the second is in the loop over the messages that stay.
            if len(checks) == 2:
                other.start()
                # Without a lock, the second deletion has ended by then.
                other.join(0.3)
        return bool(original(self, receipt_handle))

    other = threading.Thread(target=queues.delete_message, args=("q", second.receipt_handle))
    monkeypatch.setattr(Message, "had_receipt_handle", looked_for)
    queues.delete_message("q", first.receipt_handle)
    other.join()
