"""Queues that several receivers may use at once."""

import threading
import time
from typing import Any

from moto.sqs import models

from frameloom.local.moto_patches.patch import replace

# Set once polls no longer wait for messages.
_ending = threading.Event()


def apply() -> None:
    """Mend what happens when two threads use one queue."""
    replace(models.SQSBackend, "receive_message", _hands_out_once)
    replace(models.Queue, "delete_message", _stays_deleted)


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


def _hands_out_once(original: Any) -> Any:
    """Fact: receiving is not atomic: two receivers can be given one message at the same time.

    Two that find one message used up both move it to the dead-letter queue, and one of them fails.
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
                # Without waiting: a receiver that waits must not hold the others up.
                found = original(self, queue_name, count, 0, visibility_timeout, *args, **kw)
            left = deadline - time.monotonic()
            if found or left <= 0 or _ending.is_set():
                return found
            with queue._messages_lock:
                # A message that becomes visible does not wake the poll, so check again each second.
                queue._messages_lock.wait_for(lambda: queue.messages or _ending.is_set(), timeout=min(1, left))

    return receive_message


def _stays_deleted(original: Any) -> Any:
    """Fact: a deletion makes the list of messages anew, and so undoes another at the same time."""

    def delete_message(self: Any, receipt_handle: str) -> None:
        with self._messages_lock:
            original(self, receipt_handle)

    return delete_message
