"""The state EncodeSegment: encodes frames in S3 to one closed-GOP segment of the film in S3."""

from typing import Any

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from frameloom.aws import lambda_env
from frameloom.aws.lambda_logger import make_logger
from frameloom.model.job import Segment
from frameloom.services.encode_segment import encode

logger, tracer, metrics = make_logger(), Tracer(), Metrics()


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Take `{"job_id", "segment"}`, return `{"bucket", "key", "frames"}` of the encoded segment."""
    logger.append_keys(job=event["job_id"])
    segment = Segment.model_validate(event["segment"])
    encoded = encode(event["job_id"], segment, store=lambda_env.store(), buckets=lambda_env.buckets())
    metrics.add_metric(name="FramesEncoded", unit=MetricUnit.Count, value=encoded["frames"])
    logger.info("Segment encoded", extra=encoded)
    return encoded
