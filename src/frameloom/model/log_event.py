"""The events of a worker's log, for programs; a record's message is for people alone."""

from enum import StrEnum
from typing import Annotated

from frameloom.model.base import known


class LogEvent(StrEnum):
    """The event of a log record. The names are an interface: readers of other versions match them."""

    WORKER_STARTED = "worker_started"
    WORKER_STOPPED = "worker_stopped"

    CHUNK_RECEIVED = "chunk_received"
    CHUNK_SUCCEEDED = "chunk_succeeded"
    CHUNK_FAILED = "chunk_failed"
    # The worker has given the chunk up before its end; the fact `reason` is a ReleaseReason of worker/lease.py.
    CHUNK_RELEASED = "chunk_released"
    CHUNK_MESSAGE_INVALID = "chunk_message_invalid"

    # The same for a task of the whole scene (`SceneTask`).
    TASK_RECEIVED = "task_received"
    TASK_SUCCEEDED = "task_succeeded"
    TASK_FAILED = "task_failed"

    # Blender takes simulations through these frames, without their images; logged when it begins.
    FRAMES_PASSED = "frames_passed"
    FRAME_STARTED = "frame_started"
    FRAME_RENDERED = "frame_rendered"

    BLENDER_OUTPUT = "blender_output"
    BLENDER_KILLED = "blender_killed"
    BLENDER_RESTARTED = "blender_restarted"
    SANDBOX_REFUSED = "sandbox_refused"

    AWS_CALL_RETRYING = "aws_call_retrying"
    AWS_CALL_RECOVERED = "aws_call_recovered"
    POLL_FAILED = "poll_failed"
    POLL_RECOVERED = "poll_recovered"
    RENEWAL_FAILED = "renewal_failed"
    HEARTBEAT_FAILED = "heartbeat_failed"
    LOG_QUEUE_FAILED = "log_queue_failed"
    LOG_MARK_FAILED = "log_mark_failed"
    LEFTOVERS_FAILED = "leftovers_failed"


# The event of a newer version reads as None, so that its records still show.
KnownLogEvent = Annotated[LogEvent | None, known(LogEvent)]
