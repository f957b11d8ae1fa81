"""submit_job: starts the job of a request; a repeated request returns the job's status."""

from typing import Any

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from frameloom.aws import lambda_env
from frameloom.aws.lambda_logger import make_logger
from frameloom.services.submit_job import submit

logger, tracer, metrics = make_logger(), Tracer(), Metrics()


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Take a request such as `{"file", "start", "end"}`, return the job's id and status."""
    answer = submit(event, store=lambda_env.store(), executions=lambda_env.executions(), buckets=lambda_env.buckets())
    metrics.add_metric(name="JobsSubmitted", unit=MetricUnit.Count, value=int(answer["started"]))
    logger.info("Job submitted" if answer["started"] else "Job described", extra={"job": answer["job_id"]})
    return answer
