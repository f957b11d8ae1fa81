"""fail_lost_chunk: say of a chunk in the dead-letter queue that nobody will answer for it."""

from frameloom.model import keys
from frameloom.model.errors import ChunkLost
from frameloom.model.messages import ChunkMessage, ChunkResult
from frameloom.services import documents
from frameloom.services.ports import Buckets, Store, Tokens


def fail_lost_chunk(body: str, *, store: Store, tokens: Tokens, buckets: Buckets) -> ChunkMessage | None:
    """Record the chunk as lost and end its task; return its message, None where the body is no message of ours."""
    try:
        message = ChunkMessage.model_validate_json(body)
    except ValueError:
        return None
    lost = ChunkLost(chunk_id=message.chunk_id)
    result = ChunkResult(
        chunk_id=message.chunk_id,
        frames=message.frames,
        worker="",
        attempt=message.attempt,
        error=type(lost).__name__,
        cause=str(lost),
    )
    key = keys.result_key(message.job_id, message.chunk_id, attempt=message.attempt, worker="lost")
    documents.write(store, buckets.logs, key, result.to_json())
    tokens.fail(message.task_token, error=type(lost).__name__, cause=str(lost))
    return message
