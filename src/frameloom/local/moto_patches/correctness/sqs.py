"""Queues that several threads may use at once."""

import threading
import time
from typing import Any

from moto.sqs import models

from frameloom.local.moto_patches.patch import replace

# Set once polls no longer wait for messages.
_ending = threading.Event()


def apply() -> None:
    """Patch what happens when two threads use one queue."""
    replace(models.SQSBackend, "receive_message", _receive_atomically)
    replace(models.Queue, "delete_message", _delete_atomically)


def end_polls() -> None:
    """Answer every poll at once, also those in progress.

    A worker that receives SIGTERM waits for its last poll, which takes up to 20 s, since it may return a message.
    """
    _ending.set()
    for regions in list(models.sqs_backends.values()):
        for backend in list(regions.values()):
            for queue in list(backend.queues.values()):
                with queue._messages_lock:
                    queue._messages_lock.notify_all()


def _receive_atomically(original: Any) -> Any:
    """Give each message to one receiver.

    moto: receiving is not atomic, so two receivers can get the same message. If two find that a message has reached
    its maximum receives, both move it to the dead-letter queue, and one of them fails.
    """

    def receive_message(
        self: Any,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        *args: Any,
        **kw: Any,
    ) -> Any:
        queue = self.get_queue(queue_name)
        deadline = time.monotonic() + wait_seconds_timeout
        while True:
            with queue._messages_lock:
                # Without waiting: a receiver that waits must not block the others.
                found = original(self, queue_name, count, 0, visibility_timeout, *args, **kw)
            left = deadline - time.monotonic()
            if found or left <= 0 or _ending.is_set():
                return found
            with queue._messages_lock:
                # A message that becomes visible does not wake the poll, so check again each second.
                queue._messages_lock.wait_for(lambda: queue.messages or _ending.is_set(), timeout=min(1, left))

    return receive_message


def _delete_atomically(original: Any) -> Any:
    """Delete a message for good.

    moto: a deletion replaces the list of messages, and so can undo a concurrent deletion.
    """

    def delete_message(self: Any, receipt_handle: str) -> None:
        with self._messages_lock:
            original(self, receipt_handle)

    return delete_message
