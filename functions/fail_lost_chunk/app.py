"""fail_lost_chunk: fails the tasks of the messages in the dead-letter queue, which no worker finished."""

from typing import Any

from aws_lambda_powertools import Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from frameloom.aws import lambda_env
from frameloom.aws.lambda_logger import make_logger
from frameloom.model.messages import ChunkMessage, SceneTask
from frameloom.services.fail_lost_chunk import fail_lost_chunk

logger, tracer, metrics = make_logger(), Tracer(), Metrics()
processor = BatchProcessor(event_type=EventType.SQS)


def _fail(record: SQSRecord) -> None:
    message = fail_lost_chunk(
        record.body, store=lambda_env.store(), tokens=lambda_env.tokens(), buckets=lambda_env.buckets()
    )
    metrics.add_metric(name=_metric(message), unit=MetricUnit.Count, value=1)
    if message is None:
        logger.error(
            "A message in the dead-letter queue is not one of this version", extra={"body": record.body[:1000]}
        )
    else:
        logger.warning("Message lost", extra={"job": message.job_id, "chunk": message.chunk_id})


def _metric(message: ChunkMessage | SceneTask | None) -> str:
    if message is None:
        return "StrangeMessages"
    return "ChunksLost" if isinstance(message, ChunkMessage) else "TasksLost"


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Process a batch of the dead-letter queue; return the messages to retry."""
    return process_partial_response(event=event, record_handler=_fail, processor=processor, context=context)
