"""fail_lost_chunk: say of a chunk in the dead-letter queue that nobody will answer for it, and what it said last."""

import contextlib
from collections import deque
from itertools import islice

from frameloom.model import keys
from frameloom.model.errors import ChunkLost
from frameloom.model.messages import VERSION, ChunkMessage, ChunkResult, LogRecord, StrayChunk, StrayMessage
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Buckets, Store, Tokens, UnknownToken

# Lines of the log that are kept with a lost chunk, and those of them that its error names.
LAST_LINES, NAMED_LINES = 20, 3
# Pieces of a log that are read for a chunk: two a second, so the function ends within its time, ten chunks to a call.
MOST_PIECES = 100
# Characters of what is wrong with a message.
LONGEST_PROBLEM = 300


def fail_lost_chunk(body: str, *, store: Store, tokens: Tokens, buckets: Buckets) -> ChunkMessage | None:
    """Record the chunk as lost and end its task; return its message, None where the body is no message of ours.

    What is none and holds a task's token all the same, as those of another version do, has its task ended too.
    """
    try:
        message = ChunkMessage.model_validate_json(body)
    except ValueError as error:
        _fail_stray(body, error, store=store, tokens=tokens, buckets=buckets)
        return None
    lines = last_lines(message, store=store, buckets=buckets)
    words = " | ".join(lines[-NAMED_LINES:]) or "none"
    lost = ChunkLost(chunk_id=message.chunk_id, frames=message.frames, words=words)
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
    _end(message.task_token, cause=str(lost), tokens=tokens)
    return message


def _fail_stray(body: str, error: ValueError, *, store: Store, tokens: Tokens, buckets: Buckets) -> None:
    try:
        stray = StrayMessage.model_validate_json(body)
    except ValueError:
        return
    if stray.version == VERSION:
        problem = f"cannot be read: {str(error)[:LONGEST_PROBLEM]}"
    else:
        problem = f"is of version {str(stray.version)[:20]}, and this farm's workers read version {VERSION}"
    cause = f"The chunk went to nobody, since its message {problem}."
    with contextlib.suppress(ValueError):
        chunk = StrayChunk.model_validate_json(body)
        result = ChunkResult(**chunk.model_dump(exclude={"job_id"}), worker="", error=ChunkLost.__name__, cause=cause)
        key = keys.result_key(chunk.job_id, chunk.chunk_id, attempt=chunk.attempt, worker="lost")
        job_documents.write(store, buckets.logs, key, result.to_json())
    _end(stray.task_token, cause=cause, tokens=tokens)


def _end(token: str, *, cause: str, tokens: Tokens) -> None:
    # A token that is unknown after three receives is damaged, so another receive would not help.
    with contextlib.suppress(UnknownToken):
        tokens.fail(token, error=ChunkLost.__name__, cause=cause)


def last_lines(message: ChunkMessage, *, store: Store, buckets: Buckets) -> list[str]:
    """Return the last lines that a worker logged of a chunk, Blender's own among them."""
    try:
        returned = list(store.list(buckets.logs, keys.returned_prefix(message.job_id, message.chunk_id)))
        # The newest first: a worker that died at once may have logged nothing.
        for stored in reversed(returned):
            at, worker = keys.returned_parts(stored.key)
            if lines := _lines_of(message, at, worker, store=store, buckets=buckets):
                return lines
    except Exception as error:  # noqa: BLE001  whatever the log has, the task must be answered
        return [f"its log cannot be read: {error}"]
    return []


def _lines_of(message: ChunkMessage, at: str, worker: str, *, store: Store, buckets: Buckets) -> list[str]:
    lines: deque[str] = deque(maxlen=LAST_LINES)
    folder = keys.worker_log_prefix(message.job_id, worker)
    for stored in islice(store.list(buckets.logs, folder, after=folder + at), MOST_PIECES):
        for line in (store.get(buckets.logs, stored.key) or b"").splitlines():
            record = LogRecord.model_validate_json(line)
            if record.chunk_id == message.chunk_id:
                lines.append(_told(record))
    return list(lines)


def _told(record: LogRecord) -> str:
    frame = "" if record.frame is None else f" (frame {record.frame})"
    return f"{record.time} {record.message}{frame}"
