"""Queues that invoke functions, as Lambda's own pollers do it."""

import json
import logging
import threading
import time
from typing import Any

from moto.awslambda import models
from moto.sqs.models import sqs_backends

from frameloom.local.moto_patches.patch import replace

_logger = logging.getLogger(__name__)

# A message that becomes visible again wakes no poller, so each checks its queue this often, in seconds.
_CHECK_AGAIN = 1.0


def apply() -> None:
    """Start a poller for each function that takes its events from a queue."""
    replace(models.LambdaBackend, "create_event_source_mapping", _start_poller)


def _start_poller(original: Any) -> Any:
    """Invoke the function with batches of the queue's messages until it has handled them.

    moto: a function is invoked when a message is sent, in the sender's thread, and never again. So SendMessage takes
    as long as the function and fails with it, and a failed message does not come back. Each call has one message,
    whatever the batch size and window are; its attributes are invented; ReportBatchItemFailures is ignored.
    """

    def create(self: Any, spec: Any) -> Any:
        mapping = original(self, spec)
        for queue in sqs_backends[self.account_id][self.region_name].queues.values():
            if queue.queue_arn == mapping.event_source_arn:
                # moto reads this when a message is sent.
                queue.lambda_event_source_mappings.clear()
                threading.Thread(target=_Poller(self, mapping, queue).run, daemon=True).start()
        return mapping

    return create


class _Poller:
    """Invokes one function with the messages of one queue, a batch at a time."""

    def __init__(self, functions: Any, mapping: Any, queue: Any) -> None:
        self._functions, self._mapping, self._queue = functions, mapping, queue

    def run(self) -> None:
        """Poll until the mapping is deleted."""
        while self._functions.get_event_source_mapping(self._mapping.uuid) is self._mapping:
            self._queue.wait_for_messages(_CHECK_AGAIN)
            if not self._mapping.enabled:
                time.sleep(_CHECK_AGAIN)
                continue
            try:
                if batch := self._batch():
                    self._invoke(batch)
            except Exception:
                # The messages become visible again, as after a crash of Lambda's own poller.
                _logger.exception("Function %s was not invoked with a batch", self._mapping.function_arn)

    def _batch(self) -> list[Any]:
        """Return messages as soon as a batch is full or its window is over; an empty list if the queue is empty."""
        messages = self._receive(self._mapping.batch_size)
        window_ends = time.monotonic() + (self._mapping.max_batch_window or 0)
        while messages and len(messages) < self._mapping.batch_size:
            left = window_ends - time.monotonic()
            if left <= 0:
                break
            self._queue.wait_for_messages(left)
            messages += self._receive(self._mapping.batch_size - len(messages))
        return messages

    def _receive(self, count: int) -> list[Any]:
        backend = sqs_backends[self._queue.account_id][self._queue.region]
        received = backend.receive_message(
            self._queue.name, count, 0, self._queue.visibility_timeout, message_attribute_names=["All"]
        )
        return list(received)

    def _invoke(self, messages: list[Any]) -> None:
        """Call the function and delete the messages that it handled; the others become visible again."""
        event = {"Records": [self._record(message) for message in messages]}
        headers: dict[str, str] = {}
        answer = self._functions.invoke(
            function_name=self._mapping.function_arn,
            qualifier=None,
            body=json.dumps(event),
            headers={},
            response_headers=headers,
        )
        failed = {message.id for message in messages}
        if "x-amz-function-error" not in headers:
            failed = self._failed(answer, failed)
        for message in messages:
            if message.id not in failed:
                self._queue.delete_message(message.receipt_handle)

    def _failed(self, answer: Any, all_ids: set[str]) -> set[str]:
        """Return the ids that the function reports as failed, or all ids if its report is not valid.

        Source: Lambda developer guide, "Implementing partial batch responses".
        """
        if "ReportBatchItemFailures" not in (self._mapping.function_response_types or []):
            return set()
        report = json.loads(answer or "null")
        items = report.get("batchItemFailures") if isinstance(report, dict) else None
        failed: set[Any] = {item.get("itemIdentifier") if isinstance(item, dict) else None for item in items or []}
        return failed if failed.issubset(all_ids) else all_ids

    def _record(self, message: Any) -> dict[str, Any]:
        return {
            "messageId": message.id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(message.approximate_receive_count),
                "SentTimestamp": str(message.sent_timestamp),
                "SenderId": message.sender_id,
                "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
            },
            "messageAttributes": {
                name: {
                    "stringValue": attribute.get("StringValue"),
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": attribute["DataType"],
                }
                for name, attribute in message.message_attributes.items()
            },
            "md5OfBody": message.body_md5,
            "eventSource": "aws:sqs",
            "eventSourceARN": self._queue.queue_arn,
            "awsRegion": self._queue.region,
        }
