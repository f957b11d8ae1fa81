"""The EventBridge events of executions."""

import json
import logging
import time
import uuid
from typing import Any

from moto.events.models import events_backends
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.backend import execution

from frameloom.local.moto_patches.patch import replace

_logger = logging.getLogger(__name__)


def apply() -> None:
    """Patch executions to send an event for each change of status."""
    replace(execution.Execution, "start", _send_start)
    replace(execution.Execution, "stop", _send_stop)
    replace(execution.BaseExecutionWorkerCommunication, "terminated", _send_end)


def _send_start(original: Any) -> Any:
    """Send an event to the account's default bus when an execution starts.

    moto: executions send no events.
    AWS: an execution sends one when it starts, ends or is stopped. Source: Step Functions guide, "EventBridge
    payloads".
    """

    def start(self: Any) -> None:
        original(self)
        _send(self)

    return start


def _send_stop(original: Any) -> Any:
    """Send the event of a stopped execution, with the error and cause of the call that stopped it.

    moto: executions send no events.
    """

    def stop(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if self.exec_status is ExecutionStatus.ABORTED:
            _send(self)

    return stop


def _send_end(original: Any) -> Any:
    """Send the event of an execution that ends by itself.

    moto: executions send no events.
    """

    def terminated(self: Any) -> None:
        original(self)
        if self.execution.exec_status is not ExecutionStatus.ABORTED:
            _send(self.execution)

    return terminated


def _send(its: Any) -> None:
    try:
        bus = events_backends[its.account_id][its.region_name].event_buses["default"]
        for rule in list(bus.rules.values()):
            rule.send_to_targets(_event(its), transform_input=False)
    except Exception:
        # The execution must not fail: AWS sends events from another service.
        _logger.exception("The event of execution %s was not sent", its.exec_arn)


def _event(its: Any) -> dict[str, Any]:
    output = None if its.output is None else json.dumps(its.output)
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": its.account_id,
        # moto's format; events.py converts it to that of AWS.
        "time": time.time(),
        "region": its.region_name,
        "resources": [its.exec_arn],
        "detail": {
            "executionArn": its.exec_arn,
            "stateMachineArn": its.state_machine.arn,
            "name": its.name,
            "status": its.exec_status.value,
            "startDate": _milliseconds(its.start_date),
            "stopDate": _milliseconds(its.stop_date),
            "input": json.dumps(its.input_data),
            "output": output,
            "inputDetails": {"included": True},
            "outputDetails": None if output is None else {"included": True},
            "error": its.error,
            "cause": its.cause,
        },
    }


def _milliseconds(date: Any) -> int | None:
    return None if date is None else round(date.timestamp() * 1000)
