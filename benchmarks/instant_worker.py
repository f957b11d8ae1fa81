"""`python -m benchmarks.instant_worker`: a worker that renders nothing, so that a job's time is its orchestrator's.

It receives chunks, stores a placeholder for each frame and the chunk's result, and answers the task token: as much as
a job needs to succeed. It reads the environment of a worker (worker/config.py).
"""

import os
import threading
from datetime import timedelta

from frameloom.aws.clients import client
from frameloom.aws.executions import TaskTokens
from frameloom.aws.queue import Queue
from frameloom.aws.store import S3Store
from frameloom.model import keys
from frameloom.model.messages import ChunkAnswer, ChunkMessage, ChunkResult
from frameloom.services.storage import job_documents

# Enough to keep the emulator busy.
AT_ONCE = 4
NAME = "instant"
LEASE = timedelta(minutes=5)
SECONDS = 0.001


def main() -> None:
    """Answer chunks until the process is killed."""
    threads = [threading.Thread(target=_work) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _work() -> None:
    queue = Queue(os.environ["CHUNK_QUEUE_URL"])
    store, tokens = S3Store(client("s3")), TaskTokens()
    while True:
        received = queue.receive(lease=LEASE)
        if received is not None:
            message = ChunkMessage.model_validate_json(received.body)
            _render(message, store)
            answer = ChunkAnswer(chunk_id=message.chunk_id, rendered=1, reused=0, seconds=SECONDS, worker=NAME)
            tokens.succeed(message.task_token, answer.to_json())
            queue.delete(received.receipt)


def _render(message: ChunkMessage, store: S3Store) -> None:
    frames = message.frame_range()
    for frame in frames:
        store.put(message.output.bucket, message.files.keys(message.output.prefix, frame)[0], b"image")
    result = ChunkResult(
        chunk_id=message.chunk_id,
        frames=message.frames,
        worker=NAME,
        attempt=message.attempt,
        rendered=len(frames),
        seconds=SECONDS * len(frames),
        frame_seconds={str(frame): SECONDS for frame in frames},
    )
    where = keys.result_key(message.job_id, message.chunk_id, attempt=message.attempt, worker=NAME)
    job_documents.write(store, os.environ["LOG_BUCKET"], where, result.to_json())


if __name__ == "__main__":
    main()
