"""collect_logs: stores the workers' logs from the log queue in the log bucket."""

from typing import Any

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from frameloom.aws import lambda_env
from frameloom.aws.lambda_logger import make_logger
from frameloom.services.collect_logs import collect

logger, tracer, metrics = make_logger(), Tracer(), Metrics()
processor = BatchProcessor(event_type=EventType.SQS)
# The metric of the alarm JobStuck.
FRAMES = "FramesRendered"


def _collect(record: SQSRecord) -> None:
    part = collect(record.body, store=lambda_env.store(), buckets=lambda_env.buckets())
    metrics.add_metric(name="LogPiecesStored", unit=MetricUnit.Count, value=1)
    metrics.add_metric(name=FRAMES, unit=MetricUnit.Count, value=part.frames)
    logger.debug("Log stored", extra={"key": part.key})


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Process a batch of the log queue; return the messages to retry.

    Each minute a schedule sends `{"pulse": true}` in place of a batch. The count of frames then has a 0 for every
    minute, even if no worker has ever run.
    """
    metrics.add_metric(name=FRAMES, unit=MetricUnit.Count, value=0)
    if "pulse" in event:
        return {"batchItemFailures": []}
    return process_partial_response(event=event, record_handler=_collect, processor=processor, context=context)
