"""The state VerifyFrames: checks which frames exist in S3, and chooses the next state."""

from typing import Any

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from frameloom.aws import lambda_env
from frameloom.aws.lambda_logger import make_logger
from frameloom.services.verify_frames import verify

logger, tracer, metrics = make_logger(), Tracer(), Metrics()


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Take `{"job_id", "round"}`, return the next state and the location of the list of segments."""
    logger.append_keys(job=event["job_id"])
    verified = verify(
        event["job_id"],
        event["round"],
        store=lambda_env.store(),
        buckets=lambda_env.buckets(),
        at_once=lambda_env.encoders(),
    )
    metrics.add_metric(name="FramesMissing", unit=MetricUnit.Count, value=verified["missing"])
    logger.info("Frames verified", extra={"missing": verified["missing"], "next": verified["next"]})
    return verified
