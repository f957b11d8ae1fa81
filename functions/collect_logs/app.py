"""collect_logs: fed by the log queue, store the workers' logs in the log bucket."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from frameloom.aws import wiring
from frameloom.services.logs import collect

logger, tracer, metrics = Logger(), Tracer(), Metrics()
processor = BatchProcessor(event_type=EventType.SQS)


def _collect(record: SQSRecord) -> None:
    piece = collect(record.body, store=wiring.store(), buckets=wiring.buckets())
    metrics.add_metric(name="LogPiecesStored", unit=MetricUnit.Count, value=1)
    # The alarm for a job that is stuck looks at this one.
    metrics.add_metric(name="FramesRendered", unit=MetricUnit.Count, value=piece.frames)
    logger.debug("Log stored", extra={"key": piece.key})


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Take a batch of the log queue; return the messages to be tried again."""
    return process_partial_response(event=event, record_handler=_collect, processor=processor, context=context)
