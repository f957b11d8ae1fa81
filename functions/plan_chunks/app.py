"""The state PlanChunks: lists the chunks of missing frames for the distributed Map."""

from typing import Any

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from frameloom.aws import lambda_env
from frameloom.aws.lambda_logger import make_logger
from frameloom.services.plan_chunks import plan

logger, tracer, metrics = make_logger(), Tracer(), Metrics()


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Take `{"job_id", "round"}`, return `{"bucket", "key", "count", "round"}` of the list of chunks."""
    logger.append_keys(job=event["job_id"])
    planned = plan(event["job_id"], event["round"], store=lambda_env.store(), buckets=lambda_env.buckets())
    metrics.add_metric(name="ChunksPlanned", unit=MetricUnit.Count, value=planned["count"])
    logger.info("Chunks planned", extra={"chunks": planned["count"], "round": planned["round"]})
    return planned
