"""EventBridge rules that start state machines and functions."""

import copy
import json
import logging
import uuid
from datetime import UTC, datetime
from typing import Any

from jsonpath_ng.ext.parser import parse
from moto.awslambda.models import lambda_backends
from moto.events import models
from moto.events.utils import EventTemplateParser
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from moto.utilities.arns import parse_arn

from frameloom.local.moto_patches.patch import replace

_logger = logging.getLogger(__name__)


def apply() -> None:
    """Patch which targets a rule reaches."""
    replace(models.Rule, "send_to_targets", _send_to_all_targets)


def _send_to_all_targets(original: Any) -> Any:
    """Send an event to a rule's targets, which may be state machines and functions.

    moto: such a target raises NotImplementedError. A disabled rule still invokes its targets. A rule with only a
    schedule invokes them for every event.
    """

    def send_to_targets(self: Any, event: Any, transform_input: bool = True) -> None:  # noqa: FBT001, FBT002
        if self.state != "ENABLED" or self.scheduled_expression or not self.event_pattern.matches_event(event):
            return
        others = copy.copy(self)
        others.targets = [target for target in self.targets if parse_arn(target["Arn"]).service not in _STARTERS]
        original(others, event, transform_input)
        for target in self.targets:
            arn = parse_arn(target["Arn"])
            if arn.service in _STARTERS:
                try:
                    _STARTERS[arn.service](target, arn, event)
                except Exception:
                    # The caller that caused the event must not fail: AWS delivers events asynchronously.
                    _logger.exception("Rule %s did not reach %s", self.name, target["Arn"])

    return send_to_targets


def _start_execution(target: Any, arn: Any, event: Any) -> None:
    stepfunctions_parser_backends[arn.account][arn.region].start_execution(
        state_machine_arn=target["Arn"],
        name=f"{event['id']}_{uuid.uuid4()}",
        execution_input=json.dumps(_input(target, event)),
    )


def _invoke_function(target: Any, arn: Any, event: Any) -> None:
    lambda_backends[arn.account][arn.region].invoke(
        function_name=target["Arn"],
        qualifier=None,
        body=json.dumps(_input(target, event)),
        headers={"x-amz-invocation-type": "Event"},
        response_headers={},
    )


_STARTERS = {"states": _start_execution, "lambda": _invoke_function}


def _input(target: dict[str, Any], event: dict[str, Any]) -> Any:
    """Return the input of a target for an event, in the shape that AWS sends."""
    if "Input" in target:
        return json.loads(target["Input"])
    sent = {name: value for name, value in event.items() if name != "ingestion-time"}
    moment = datetime.fromtimestamp(float(event["time"]), UTC)
    sent["time"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    if "InputPath" in target:
        found = parse(target["InputPath"]).find(sent)
        return found[0].value if found else {}
    if transformer := target.get("InputTransformer"):
        template, paths = transformer["InputTemplate"], transformer.get("InputPathsMap", {})
        return EventTemplateParser.parse(template, paths, {**sent, "ingestion-time": event["time"]})
    return sent
