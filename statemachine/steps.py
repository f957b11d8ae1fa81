"""The stepfunctions SDK's states, with newer fields of Amazon States Language.

Version 2.3.0 (2022) lacks ItemProcessor, ItemReader, ItemSelector, ResultWriter, ResultSelector, Fail states with
paths, and jitter. Each class here takes the state's own fields as keywords, makes the SDK's checks, and adds the
missing fields in `to_dict`.
"""

import logging
import warnings
from typing import Any

# On import the SDK warns about its own dependencies, and sagemaker reports missing defaults. Neither affects the
# definition.
logging.getLogger("sagemaker.config").setLevel(logging.WARNING)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from stepfunctions.steps import (
        Catch,
        Choice,
        Fail,
        Graph,
        LambdaStep,
        Map,
        Pass,
        Retry,
        Succeed,
        integration_resources,
    )
    from stepfunctions.steps.choice_rule import ChoiceRule
    from stepfunctions.steps.service import EventBridgePutEventsStep, SqsSendMessageStep

__all__ = [
    "Catch",
    "Choice",
    "ChoiceRule",
    "ErrorFrom",
    "EventTask",
    "Graph",
    "ItemMap",
    "LambdaTask",
    "Pass",
    "Retrier",
    "Succeed",
    "TokenTask",
]

Json = dict[str, Any]

# The SDK asks boto3 for the region's partition at each step. That takes seconds, and the output must not depend on
# the region.
integration_resources.get_aws_partition = lambda: "aws"

S3_GET = "arn:aws:states:::s3:getObject"
S3_PUT = "arn:aws:states:::s3:putObject"


class Retrier(Retry):  # type: ignore[misc]  # the SDK has no types
    """A retrier with a maximum delay and full jitter, so that a thousand chunks never retry at the same time."""

    def __init__(
        self, errors: list[str], *, attempts: int, interval: int = 1, rate: float = 2.0, longest: int = 60
    ) -> None:
        """Set the number of retries, the first interval and the maximum interval, in seconds."""
        fields: Json = {"error_equals": errors, "max_attempts": attempts}
        if attempts:
            fields |= {"interval_seconds": interval, "backoff_rate": rate}
        super().__init__(**fields)
        self.longest = longest

    def to_dict(self) -> Json:
        """Return the JSON object with the SDK's fields and ours."""
        result: Json = super().to_dict()
        if result["MaxAttempts"]:
            result |= {"MaxDelaySeconds": self.longest, "JitterStrategy": "FULL"}
        return result


class LambdaTask(LambdaStep):  # type: ignore[misc]  # the SDK has no types
    """A call of a Lambda, by the substitution of its ARN, with exactly the payload of its handler."""

    def __init__(
        self,
        state_id: str,
        *,
        function: str,
        payload: Json,
        result_selector: Json | None = None,
        **fields: Any,
    ) -> None:
        """`function` is the logical id in template.yaml, such as `PrepareJobFunction`."""
        parameters = {"FunctionName": f"${{{function}Arn}}", "Payload": payload}
        super().__init__(state_id, parameters=parameters, **fields)
        self.result_selector = result_selector

    def to_dict(self) -> Json:
        """Return the JSON object with the SDK's fields and ours."""
        result: Json = super().to_dict()
        if self.result_selector is not None:
            result["ResultSelector"] = self.result_selector
        return result


class TokenTask(SqsSendMessageStep):  # type: ignore[misc]  # the SDK has no types
    """A message with a task token: the state waits until a worker answers with the token."""

    def __init__(self, state_id: str, *, queue: str, message: Json, **fields: Any) -> None:
        """`queue` is the logical id in template.yaml, such as `ChunkQueue`."""
        parameters = {"QueueUrl": f"${{{queue}Url}}", "MessageBody": message}
        super().__init__(state_id, wait_for_callback=True, parameters=parameters, **fields)


class EventTask(EventBridgePutEventsStep):  # type: ignore[misc]  # the SDK has no types
    """An event on the account's default bus. Its detail is the state's input, which is also the state's output."""

    def __init__(self, state_id: str, *, source: str, detail_type: str, **fields: Any) -> None:
        """Rules match `source` and `detail_type`; Step Functions adds the ARNs of the machine and the execution."""
        entry = {"Source": source, "DetailType": detail_type, "Detail.$": "$", "EventBusName": "default"}
        super().__init__(state_id, parameters={"Entries": [entry]}, result_path=None, **fields)


class ItemMap(Map):  # type: ignore[misc]  # the SDK has no types
    """A Map with an ItemProcessor and the fields of a distributed Map."""

    def __init__(
        self,
        state_id: str,
        *,
        first: Any,
        processor: Json,
        item_selector: Json,
        asl: Json | None = None,
        **fields: Any,
    ) -> None:
        """`first` is the first state of each item, and `processor` the ProcessorConfig.

        `asl` has further fields by their names in the language: ItemReader, ResultWriter, Label, ...
        """
        super().__init__(state_id, **fields)
        self.attach_iterator(first)
        self.processor = processor
        self.asl = {"ItemSelector": item_selector, **(asl or {})}

    def to_dict(self) -> Json:
        """Return the JSON object with the SDK's fields and ours."""
        result: Json = super().to_dict()
        inside = result.pop("Iterator")
        return result | self.asl | {"ItemProcessor": {"ProcessorConfig": self.processor, **inside}}


class ErrorFrom(Fail):  # type: ignore[misc]  # the SDK has no types
    """A Fail state that takes its error from the input."""

    def __init__(self, state_id: str, *, error_path: str, cause_path: str, **fields: Any) -> None:
        super().__init__(state_id, **fields)
        self.paths = {"ErrorPath": error_path, "CausePath": cause_path}

    def to_dict(self) -> Json:
        """Return the JSON object with the SDK's fields and ours."""
        result: Json = super().to_dict()
        return result | self.paths
