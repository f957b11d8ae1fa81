"""The states LogJob and LogFailure: write the job's report, whichever way it ended."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from frameloom.aws import wiring
from frameloom.services.report import report

logger, tracer, metrics = Logger(), Tracer(), Metrics()


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Take `{"job_id", "started"}`, with `error` on the failed way; return the job's summary.

    On the failed way the answer also holds `Error` and `Cause`, which the Fail state shows.
    """
    logger.append_keys(job=event["job_id"])
    error = event.get("error")
    summary = report(
        event["job_id"],
        started=event["started"],
        now=datetime.now(UTC),
        error=error,
        store=wiring.store(),
        buckets=wiring.buckets(),
    )
    name = "JobsFailed" if error else "JobsSucceeded"
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
    logger.info("Job ended", extra={"status": summary["status"], "frames": summary["frames"]})
    return summary | ({"Error": summary["error"], "Cause": summary["cause"]} if error else {})
