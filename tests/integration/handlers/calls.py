"""Calls Lambda handlers as Lambda does: with JSON, an environment, and batches of SQS messages."""

import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.jobs import S3_BUCKETS as BUCKETS

FUNCTIONS = Path(__file__).resolve().parents[3] / "functions"
ENVIRONMENT = {
    "SCENES_BUCKET": BUCKETS.scenes,
    "FRAMES_BUCKET": BUCKETS.frames,
    "LOG_BUCKET": BUCKETS.logs,
    "BLENDER_VERSIONS": "4.5.15",
    "CYCLES_DEVICE": "CPU",
    "ENCODERS_AT_ONCE": "7",
    "TRUSTED_SCRIPTS": "allow",
    "POWERTOOLS_SERVICE_NAME": "frameloom",
    "POWERTOOLS_METRICS_NAMESPACE": "Frameloom",
}
Handler = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The context of a call."""

    function_name: str
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:f"
    aws_request_id: str = "52fdfc07-2182-154f-163f-5f0f9a621d72"
    log_stream_name: str = "stream"

    def get_remaining_time_in_millis(self) -> int:
        """Return the time until the timeout."""
        return 30_000


def load(name: str) -> Handler:
    """Return the handler of a function, which converts its argument and its result to JSON and back, as Lambda does."""
    spec = importlib.util.spec_from_file_location("app", FUNCTIONS / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)

    def invoke(event: dict[str, Any]) -> dict[str, Any]:
        answer = app.handler(json.loads(json.dumps(event)), Context(function_name=name))
        document: dict[str, Any] = json.loads(json.dumps(answer))
        return document

    return invoke


def metrics_of(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    """Return the metrics in a function's output, in the format that CloudWatch reads."""
    found: dict[str, float] = {}
    for line in capsys.readouterr().out.splitlines():
        record = json.loads(line)
        for group in record.get("_aws", {}).get("CloudWatchMetrics", []):
            for metric in group["Metrics"]:
                found[metric["Name"]] = sum(record[metric["Name"]])
    return found


def sqs_event(*bodies: str) -> dict[str, Any]:
    """Return the event of a batch of SQS messages."""
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": f"receipt-{number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:logs",
                "awsRegion": "eu-central-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


SCENE = "film/shot.blend"
