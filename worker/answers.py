"""Answers the task tokens of messages, and writes the results of chunks."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from frameloom.model import keys
from frameloom.model.base import Value
from frameloom.model.log_event import LogEvent
from frameloom.model.messages import ChunkAnswer, ChunkMessage, ChunkResult, SceneTask, TaskAnswer
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Store, UnknownToken
from worker.lease import Heartbeats
from worker.log import log
from worker.outcome import Outcome
from worker.retry import Retry


class TaskAnswers(Heartbeats, Protocol):
    """The answers to task tokens; False if the task has ended; raises UnknownToken if the token is unknown."""

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        """Report a task's success."""

    def fail(self, token: str, *, error: str, cause: str) -> bool:
        """Report a task's failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The answers of one `worker`.

    Attributes:
        bucket: the log bucket, for the results of chunks.
        ship_log: ships the log so far.
    """

    store: Store
    bucket: str
    worker: str
    tokens: TaskAnswers
    retry: Retry
    ship_log: Callable[[], None]

    def send(self, message: ChunkMessage | SceneTask, outcome: Outcome, seconds: float) -> bool:
        """Answer the token of a message; return False if Step Functions does not know it."""
        if isinstance(message, ChunkMessage):
            self.keep_result(message, outcome, seconds)
        self._log(message, outcome, seconds)
        # Before the answer, which may end the job: the log should be complete when the report is written.
        self.ship_log()
        if outcome.error is None:
            answer = self._answer(message, outcome, seconds)
            send = functools.partial(self.tokens.succeed, message.task_token, answer.to_json())
        else:
            name, cause = type(outcome.error).__name__, str(outcome.error)
            send = functools.partial(self.tokens.fail, message.task_token, error=name, cause=cause)
        try:
            self.retry.call(send)
        except UnknownToken:
            return False
        return True

    def keep_result(self, message: ChunkMessage, outcome: Outcome, seconds: float) -> None:
        """Write the result of this attempt at a chunk."""
        error = outcome.error
        result = ChunkResult(
            chunk_id=message.chunk_id,
            frames=message.frames,
            worker=self.worker,
            attempt=message.attempt,
            rendered=len(outcome.frame_seconds),
            reused=outcome.reused,
            seconds=seconds,
            frame_seconds={str(frame): spent for frame, spent in outcome.frame_seconds.items()},
            error=None if error is None else type(error).__name__,
            cause=None if error is None else str(error),
        )
        key = keys.result_key(message.job_id, message.chunk_id, attempt=message.attempt, worker=self.worker)
        job_documents.write(self.store, self.bucket, key, result.to_json())

    def _log(self, message: ChunkMessage | SceneTask, outcome: Outcome, seconds: float) -> None:
        rendered, error = len(outcome.frame_seconds), outcome.error
        facts = {} if error is None else {"error": type(error).__name__, "cause": str(error)}
        if isinstance(message, SceneTask):
            if error is None:
                log.info(LogEvent.TASK_SUCCEEDED, "Task succeeded", task=message.task, seconds=seconds)
            else:
                log.error(LogEvent.TASK_FAILED, "Task failed", task=message.task, **facts)
        elif error is None:
            log.info(
                LogEvent.CHUNK_SUCCEEDED, "Chunk succeeded", rendered=rendered, reused=outcome.reused, seconds=seconds
            )
        else:
            log.error(LogEvent.CHUNK_FAILED, "Chunk failed", **facts, rendered=rendered)

    def _answer(self, message: ChunkMessage | SceneTask, outcome: Outcome, seconds: float) -> Value:
        if isinstance(message, SceneTask):
            return TaskAnswer(task=message.task, seconds=seconds, worker=self.worker)
        return ChunkAnswer(
            chunk_id=message.chunk_id,
            rendered=len(outcome.frame_seconds),
            reused=outcome.reused,
            seconds=seconds,
            worker=self.worker,
        )
