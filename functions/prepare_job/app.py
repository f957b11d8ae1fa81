"""The state PrepareJob: reads the request and the scene, and writes the job's manifest."""

from typing import Any

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from frameloom.aws import lambda_env
from frameloom.aws.lambda_logger import make_logger
from frameloom.services.prepare_job import prepare

logger, tracer, metrics = make_logger(), Tracer(), Metrics()


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Take `{"job_id", "started", "input"}`, return the state of the execution."""
    logger.append_keys(job=event["job_id"])
    state = prepare(
        event["input"],
        job_id=event["job_id"],
        started=event["started"],
        store=lambda_env.store(),
        buckets=lambda_env.buckets(),
        blenders=lambda_env.blenders(),
        device=lambda_env.device(),
        trusts_scripts=lambda_env.trusts_scripts(),
    )
    if "skipped" in state:
        metrics.add_metric(name="UploadsSkipped", unit=MetricUnit.Count, value=1)
        logger.info("Upload skipped", extra=state)
        return state
    metrics.add_metric(name="JobsPrepared", unit=MetricUnit.Count, value=1)
    logger.info("Job prepared", extra={"scene": state["scene"]["key"], "frames_prefix": state["output"]["prefix"]})
    return state
