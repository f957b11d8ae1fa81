"""The state StitchVideo: joins the segments, by stream copy, to the film beside its scene."""

from typing import Any

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from frameloom.aws import lambda_env
from frameloom.aws.lambda_logger import make_logger
from frameloom.services.stitch_video import stitch

logger, tracer, metrics = make_logger(), Tracer(), Metrics()


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Take `{"job_id"}`, return `{"bucket", "key", "frames", "bytes"}` of the film."""
    logger.append_keys(job=event["job_id"])
    film = stitch(event["job_id"], store=lambda_env.store(), buckets=lambda_env.buckets())
    metrics.add_metric(name="FilmsStitched", unit=MetricUnit.Count, value=1)
    logger.info("Film stitched", extra=film)
    return film
