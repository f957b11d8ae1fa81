"""fail_lost_chunk: fails the task of a message in the dead-letter queue, with the end of its log."""

import contextlib
from collections import deque
from itertools import islice

from frameloom.model import keys
from frameloom.model.errors import ChunkLost, FarmError, TaskLost
from frameloom.model.messages import (
    VERSION,
    ChunkMessage,
    ChunkResult,
    LogRecord,
    QueueMessage,
    SceneTask,
    UnreadableChunk,
    UnreadableMessage,
)
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Buckets, Store, Tokens, UnknownToken

# The log lines kept in a lost chunk's result, and the number of them in its error.
MAX_LINES, MAX_LINES_IN_ERROR = 20, 3
# The parts of a log read for a chunk. A worker writes two a second, so that ten chunks fit into one call's time.
MAX_PARTS = 100
# The length of the description of an unreadable message.
_MAX_PROBLEM = 300


def fail_lost_chunk(body: str, *, store: Store, tokens: Tokens, buckets: Buckets) -> ChunkMessage | SceneTask | None:
    """Fail the task of a message, and record a chunk as lost; return the message, None if the body is not valid.

    The task of an invalid message, such as one of another version, fails too, if the message has a task token.
    """
    try:
        message = QueueMessage.model_validate_json(body).root
    except ValueError as error:
        _fail_unreadable(body, error, store=store, tokens=tokens, buckets=buckets)
        return None
    lines = last_lines(message, store=store, buckets=buckets)
    log = " | ".join(lines[-MAX_LINES_IN_ERROR:]) or "none"
    if isinstance(message, SceneTask):
        _fail(message.task_token, TaskLost, str(TaskLost(task=message.task, log=log)), tokens=tokens)
        return message
    lost = ChunkLost(chunk_id=message.chunk_id, frames=message.frames, log=log)
    result = ChunkResult(
        chunk_id=message.chunk_id,
        frames=message.frames,
        worker="",
        attempt=message.attempt,
        error=type(lost).__name__,
        cause=str(lost),
        log=lines or None,
    )
    key = keys.result_key(message.job_id, message.chunk_id, attempt=message.attempt, worker="lost")
    job_documents.write(store, buckets.logs, key, result.to_json())
    _fail(message.task_token, ChunkLost, str(lost), tokens=tokens)
    return message


def _fail_unreadable(body: str, error: ValueError, *, store: Store, tokens: Tokens, buckets: Buckets) -> None:
    try:
        message = UnreadableMessage.model_validate_json(body)
    except ValueError:
        return
    if message.version == VERSION:
        problem = f"is invalid: {str(error)[:_MAX_PROBLEM]}"
    else:
        problem = f"has version {str(message.version)[:20]}, but the workers of this farm read version {VERSION}"
    cause = f"No worker could read the chunk's message, which {problem}."
    with contextlib.suppress(ValueError):
        chunk = UnreadableChunk.model_validate_json(body)
        result = ChunkResult(**chunk.model_dump(exclude={"job_id"}), worker="", error=ChunkLost.__name__, cause=cause)
        key = keys.result_key(chunk.job_id, chunk.chunk_id, attempt=chunk.attempt, worker="lost")
        job_documents.write(store, buckets.logs, key, result.to_json())
    _fail(message.task_token, ChunkLost, cause, tokens=tokens)


def _fail(token: str, error: type[FarmError], cause: str, *, tokens: Tokens) -> None:
    # A token that is unknown after three receives is damaged, so another receive would not help.
    with contextlib.suppress(UnknownToken):
        tokens.fail(token, error=error.__name__, cause=cause)


def last_lines(message: ChunkMessage | SceneTask, *, store: Store, buckets: Buckets) -> list[str]:
    """Return the last lines that a worker logged for a message, which include Blender's output."""
    try:
        records = list(store.list(buckets.logs, keys.returned_prefix(message.job_id, message.chunk_id)))
        # The newest first. A worker that crashed at once may have logged nothing.
        for record in reversed(records):
            at, worker = keys.returned_parts(record.key)
            if lines := _lines_of(message, at, worker, store=store, buckets=buckets):
                return lines
    except Exception as error:  # noqa: BLE001  The task must fail, with or without a log.
        return [f"its log cannot be read: {error}"]
    return []


def _lines_of(message: ChunkMessage | SceneTask, at: str, worker: str, *, store: Store, buckets: Buckets) -> list[str]:
    lines: deque[str] = deque(maxlen=MAX_LINES)
    folder = keys.worker_log_prefix(message.job_id, worker)
    for stored in islice(store.list(buckets.logs, folder, after=folder + at), MAX_PARTS):
        for line in (store.get(buckets.logs, stored.key) or b"").splitlines():
            record = LogRecord.model_validate_json(line)
            if record.chunk_id == message.chunk_id:
                lines.append(_format(record))
    return list(lines)


def _format(record: LogRecord) -> str:
    frame = "" if record.frame is None else f" (frame {record.frame})"
    return f"{record.time} {record.message}{frame}"
