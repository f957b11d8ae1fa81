"""moto in its own process, patched or unpatched, and calls to it for tests."""

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import boto3
import psutil
from botocore.config import Config
from botocore.exceptions import ClientError

_SERVER = Path(__file__).with_name("moto_server.py")
_ROLE = "arn:aws:iam::123456789012:role/states"
_BUCKET = "plans"

States = Mapping[str, Any]

_DISTRIBUTED = {"Type": "Map", "Label": "Items", "MaxConcurrencyPath": "$.limits.workers"}


class Moto:
    """A server, its clients, and one queue, which `fresh` replaces."""

    # Each task of the tests, without its queue.
    TASK: ClassVar[States] = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": "none", "MessageBody": "none"},
    }

    def __init__(self, kind: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(_SERVER), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.states: Any = None
        self._queue: Any = None
        self._events: Any = None
        self._store: Any = None
        self._queue_url = ""

    def ready(self) -> Self:
        """Wait until the server answers, and return this."""
        assert self._process.stdout is not None
        address = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        # An error of the server must be reported, not retried.
        once = Config(retries={"max_attempts": 0}, max_pool_connections=20)
        self.states, self._queue, self._store, self._events = (
            boto3.client(name, endpoint_url=address, region_name="us-east-1", config=once)
            for name in ("stepfunctions", "sqs", "s3", "events")
        )
        self._store.create_bucket(Bucket=_BUCKET)
        return self

    def fresh(self) -> Self:
        """Create a new queue, without messages of other tests, and return this."""
        self._queue_url = self._queue.create_queue(QueueName=uuid.uuid4().hex)["QueueUrl"]
        return self

    def close(self) -> None:
        """End the server."""
        self._process.communicate()

    def threads(self) -> int:
        """Return the number of the server's threads."""
        return int(psutil.Process(self._process.pid).num_threads())

    def task(self, message: States | None = None, **fields: Any) -> dict[str, Any]:
        """Return a state that sends a token and waits for its answer. It ends the machine unless `Next` is given."""
        body = {"token.$": "$$.Task.Token", "attempt.$": "$$.State.RetryCount", **(message or {})}
        return _ending({**self.TASK, "Parameters": {"QueueUrl": self._queue_url, "MessageBody": body}}, fields)

    def many(self, item: States, **fields: Any) -> dict[str, Any]:
        """Return a distributed Map of `$.items` with one state per item, whose output is all results."""
        return _ending({**_DISTRIBUTED, "ItemsPath": "$.items", "ItemProcessor": _processor(item)}, fields)

    def many_stored(self, item: States, **fields: Any) -> dict[str, Any]:
        """Return a distributed Map like the farm's: its items and results are in S3."""
        reader = {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket.$": "$.plan.bucket", "Key.$": "$.plan.key"},
        }
        writer = {
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": _BUCKET, "Prefix.$": "States.Format('jobs/{}/map', $$.Execution.Name)"},
        }
        selector = {"value.$": "$$.Map.Item.Value", "job_id.$": "$$.Execution.Name", "limits.$": "$.limits"}
        stored = {"ItemReader": reader, "ItemSelector": selector, "ResultWriter": writer, "ResultPath": None}
        return _ending({**_DISTRIBUTED, **stored, "ItemProcessor": _processor(item)}, fields)

    def few(self, item: States, **fields: Any) -> dict[str, Any]:
        """Return an inline Map of `$.items` with one state per item."""
        processor = _processor(item, ProcessorConfig={"Mode": "INLINE"})
        return _ending({"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor}, fields)

    def machine(self, states: States, *, limit: int | None = None) -> str:
        """Create a machine of `states` with a timeout of `limit` seconds, and return its ARN."""
        limits = {} if limit is None else {"TimeoutSeconds": limit}
        definition = json.dumps({"StartAt": next(iter(states)), "States": states, **limits})
        name = uuid.uuid4().hex
        return str(self.states.create_state_machine(name=name, definition=definition, roleArn=_ROLE)["stateMachineArn"])

    def start(self, states: States, data: States | None = None) -> str:
        """Start a machine of `states` on `data` and return the execution's ARN."""
        arguments = {"stateMachineArn": self.machine(states), "name": uuid.uuid4().hex}
        return str(self.states.start_execution(**arguments, input=json.dumps(data or {}))["executionArn"])

    def start_many(self, item: States, *, items: int, workers: int, after: States | None = None, **fields: Any) -> str:
        """Start a distributed Map of the numbers below `items`, followed by the states `after`."""
        key = f"{uuid.uuid4().hex}.json"
        self._store.put_object(Bucket=_BUCKET, Key=key, Body=json.dumps(list(range(items))))
        data = {"plan": {"bucket": _BUCKET, "key": key}, "limits": {"workers": workers, "heartbeat": 30, "timeout": 60}}
        return self.start({"Many": self.many_stored(item, **fields), **(after or {})}, data)

    def start_observed(self, states: States, data: States | None = None, *, limit: int | None = None) -> str:
        """Do as `start`, with a rule that sends the execution's events to the queue."""
        machine, name = self.machine(states, limit=limit), uuid.uuid4().hex
        names = ["QueueArn"]
        queue = self._queue.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=names)["Attributes"]
        pattern = {"source": ["aws.states"], "detail": {"stateMachineArn": [machine]}}
        self._events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        self._events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue["QueueArn"]}])
        started = self.states.start_execution(stateMachineArn=machine, name=name, input=json.dumps(data or {}))
        return str(started["executionArn"])

    def message(self, *, within: float = 10) -> dict[str, Any]:
        """Return the next message of a task, or an empty one if none comes in `within` seconds."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            for message in self._queue.receive_message(QueueUrl=self._queue_url).get("Messages", []):
                self._queue.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
                return dict(json.loads(message["Body"]))
            time.sleep(0.01)
        return {}

    def written(self, prefix: str) -> list[str]:
        """Return the keys under a prefix of the bucket of plans."""
        return [
            entry["Key"] for entry in self._store.list_objects_v2(Bucket=_BUCKET, Prefix=prefix).get("Contents", [])
        ]

    def now(self, execution: str) -> dict[str, Any]:
        """Return DescribeExecution."""
        return dict(self.states.describe_execution(executionArn=execution))

    def end(self, execution: str, *, within: float = 20) -> dict[str, Any]:
        """Return DescribeExecution once the execution has ended, or after `within` seconds."""
        wait_until(lambda: self.now(execution)["status"] != "RUNNING", within=within)
        return self.now(execution)

    def output(self, execution: str) -> Any:
        """Wait for an execution, which must succeed, and return its output."""
        end = self.end(execution)
        assert end["status"] == "SUCCEEDED", end
        return json.loads(end["output"])

    def history(self, execution: str) -> list[dict[str, Any]]:
        """Return the events of an execution."""
        return list(self.states.get_execution_history(executionArn=execution)["events"])

    def succeed(self, message: States) -> str:
        """Answer a message's token; return OK or the error's code, as the two methods below do."""
        return error_code(lambda: self.states.send_task_success(taskToken=message["token"], output='{"done": true}'))

    def fail(self, message: States, error: str, **cause: str) -> str:
        """Answer a message's token with an error."""
        return error_code(lambda: self.states.send_task_failure(taskToken=message["token"], error=error, **cause))

    def heartbeat(self, message: States) -> str:
        """Send a heartbeat."""
        return error_code(lambda: self.states.send_task_heartbeat(taskToken=message["token"]))


def error_code(call: Callable[[], Any]) -> str:
    """Call a client; return OK or the code of the error."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "OK"


def wait_until(condition: Callable[[], bool], *, within: float) -> bool:
    """Return whether a condition becomes true in time."""
    until = time.monotonic() + within
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _processor(item: States, **fields: Any) -> dict[str, Any]:
    children = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    return {"ProcessorConfig": children, "StartAt": "Item", "States": {"Item": item}, **fields}


def _ending(state: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    return {**state, **({} if "Next" in fields else {"End": True}), **fields}
