"""What EventBridge hears of executions."""

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
    """Mend what is told of how an execution's status changes."""
    replace(execution.Execution, "start", _tells_of_the_start)
    replace(execution.Execution, "stop", _tells_of_the_stop)
    replace(execution.BaseExecutionWorkerCommunication, "terminated", _tells_of_the_end)


def _tells_of_the_start(original: Any) -> Any:
    """Each change of an execution's status is an event on the account's default bus.

    Fact: EventBridge hears nothing of executions.
    AWS: it hears of each that starts, ends, or is stopped; Step Functions guide, "EventBridge payloads".
    """

    def start(self: Any) -> None:
        original(self)
        _tell(self)

    return start


def _tells_of_the_stop(original: Any) -> Any:
    """As above: of an execution that is stopped, whoever stops it tells, who knows why."""

    def stop(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if self.exec_status is ExecutionStatus.ABORTED:
            _tell(self)

    return stop


def _tells_of_the_end(original: Any) -> Any:
    """As above: of any other end the execution itself tells."""

    def terminated(self: Any) -> None:
        original(self)
        if self.execution.exec_status is not ExecutionStatus.ABORTED:
            _tell(self.execution)

    return terminated


def _tell(its: Any) -> None:
    try:
        bus = events_backends[its.account_id][its.region_name].event_buses["default"]
        for rule in list(bus.rules.values()):
            rule.send_to_targets(_event(its), transform_input=False)
    except Exception:
        # The execution must not hear of it: AWS tells from elsewhere.
        _logger.exception("EventBridge was not told of %s", its.exec_arn)


def _event(its: Any) -> dict[str, Any]:
    output = None if its.output is None else json.dumps(its.output)
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": its.account_id,
        # As moto keeps it until it is sent; events.py writes it as AWS does.
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
