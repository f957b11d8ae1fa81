"""The states LogJob and LogFailure, and the rule JobStopped: writes the report of a job that has ended.

The state LogSegmentFailure calls it too, to store the error of a segment for that report.
"""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from frameloom.aws import lambda_env
from frameloom.aws.lambda_logger import make_logger
from frameloom.model.execution_event import StoppedExecution
from frameloom.model.job import Segment
from frameloom.services.log_job import write_report, write_stopped_report
from frameloom.services.storage import job_documents

logger, tracer, metrics = make_logger(), Tracer(), Metrics()


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Write the report of a job and return its summary, or store the error of a segment and return `{}`.

    LogJob sends `{"job_id", "started"}`. LogFailure adds `error`; the summary then also has `Error` and `Cause` for the
    Fail state. For a job that was stopped from outside, the rule sends the detail of the event. LogSegmentFailure sends
    `{"job_id", "segment", "error"}`.
    """
    if "segment" in event:
        _store_segment_failure(event)
        return {}
    summary = _of_stopped(event) if "executionArn" in event else _of_state(event)
    metrics.add_metric(name=f"Jobs{summary['status'].capitalize()}", unit=MetricUnit.Count, value=1)
    logger.info("Job ended", extra={"status": summary["status"], "frames": summary["frames"]})
    return summary


def _store_segment_failure(event: dict[str, Any]) -> None:
    logger.append_keys(job=event["job_id"])
    segment, error = Segment.model_validate(event["segment"]), event["error"]
    job_documents.write_segment_failure(lambda_env.store(), lambda_env.buckets(), event["job_id"], segment, error)
    metrics.add_metric(name="SegmentsFailed", unit=MetricUnit.Count, value=1)
    logger.info("Segment failed", extra={"segment": segment.segment, "error": error["Error"]})


def _of_state(event: dict[str, Any]) -> dict[str, Any]:
    logger.append_keys(job=event["job_id"])
    error = event.get("error")
    summary = write_report(
        event["job_id"],
        started=event["started"],
        now=datetime.now(UTC),
        error=error,
        store=lambda_env.store(),
        buckets=lambda_env.buckets(),
    )
    return summary | ({"Error": summary["error"], "Cause": summary["cause"]} if error else {})


def _of_stopped(event: dict[str, Any]) -> dict[str, Any]:
    stopped = StoppedExecution.of_event(event)
    logger.append_keys(job=stopped.job_id)
    return write_stopped_report(stopped, store=lambda_env.store(), buckets=lambda_env.buckets())
