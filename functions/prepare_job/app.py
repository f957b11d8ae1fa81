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
    """Take `{"job_id", "started", "input", "state"}`, return the next state of the execution.

    An execution that began before an update of the stack has no `state`.
    """
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
        inspected=_answered(event.get("state")) == "inspect",
    )
    if "skipped" in state:
        metrics.add_metric(name="UploadsSkipped", unit=MetricUnit.Count, value=1)
        logger.info("Upload skipped", extra=state)
        return state
    if "inspect" in state:
        metrics.add_metric(name="ScenesInspected", unit=MetricUnit.Count, value=1)
        logger.info("Scene needs Blender", extra={"scene": state["inspect"]["scene"]["key"]})
        return state
    metrics.add_metric(name="JobsPrepared", unit=MetricUnit.Count, value=1)
    logger.info("Job prepared", extra={"scene": state["scene"]["key"], "frames_prefix": state["output"]["prefix"]})
    return state


def _answered(state: object) -> str | None:
    """Return the task that a worker has just done for this job, None in the first state of an execution."""
    answer = state.get("answer") if isinstance(state, dict) else None
    return answer.get("task") if isinstance(answer, dict) else None
