"""The worker's loop: take a chunk, keep its lease, have it rendered, answer its token."""

import functools
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from frameloom.aws.queue import LONGEST_POLL
from frameloom.model import keys
from frameloom.model.log_event import LogEvent
from frameloom.model.messages import ChunkAnswer, ChunkMessage, ChunkResult
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Received, Store, UnknownToken
from frameloom.services.system.memory import process_memory
from worker.blender import Blender
from worker.blender_log import Witness
from worker.chunk import ChunkRenderer, Outcome
from worker.config import WorkerConfig
from worker.flat_frames import Doubts
from worker.health import Health
from worker.lease import Beatable, Ended, Leasable, Lease
from worker.log import log
from worker.log_shipper import LogShipper
from worker.memory_growth import AfterChunk, Growth
from worker.retry import LastingStore, Outages
from worker.scenes import SceneCache
from worker.uploads import Uploads

# Without work for so long, Blender's memory is worth more than its start.
KEEP_BLENDER = timedelta(minutes=5)
# How long a stopping worker waits for its last poll, which takes at most 20 seconds unless SQS fails.
LAST_POLL = LONGEST_POLL + timedelta(seconds=5)
# Between two polls that failed, doubling.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0


class ChunkQueue(Leasable, Protocol):
    """The chunk queue, as a worker uses it."""

    def receive(self, *, lease: timedelta, wait: timedelta) -> Received | None:
        """Return a leased message, None where none came within `wait`."""

    def give_back(self, receipt: str, after: timedelta) -> None:
        """Make a message visible again after a delay."""

    def delete(self, receipt: str) -> None:
        """Take a message off the queue."""

    def send(self, body: str) -> None:
        """Put a message on the queue."""


class Answers(Beatable, Protocol):
    """The answers to task tokens; False if the task has ended; raises UnknownToken if the token is unknown."""

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        """End a task as done."""

    def fail(self, token: str, *, error: str, cause: str) -> bool:
        """End a task as failed."""


class _PollTooLong(BaseException):
    """SQS has not answered the last poll of a stopping worker."""


class Supervisor:
    """One worker: a loop over the chunk queue, until SIGTERM or SIGINT.

    Args:
        blender: closed at the end; one that was started already has loaded so much the earlier.
        folder: where its scenes and frames lie; whoever made it removes it.
        passes: whether an error of AWS is one that passes by itself.
    """

    def __init__(
        self,
        *,
        config: WorkerConfig,
        queue: ChunkQueue,
        store: Store,
        tokens: Answers,
        shipper: LogShipper,
        blender: Blender,
        folder: Path,
        passes: Callable[[Exception], bool] = lambda _: False,
    ) -> None:
        self._config, self._queue, self._tokens, self._shipper = config, queue, tokens, shipper
        self._outages = Outages(passes=passes)
        self._store = store = LastingStore(store, self._outages)
        self._blender = blender
        self._growth = Growth(allowed=config.growth)
        self._uploads = Uploads(store, Doubts(store=store, bucket=config.log_bucket, worker=config.name))
        self._witness = Witness(store=store, bucket=config.log_bucket, worker=config.name, shipper=shipper)
        self._health = Health(config.health_file)
        self._renderer = ChunkRenderer(
            blender=self._blender,
            scenes=SceneCache(folder / "scenes", store),
            uploads=self._uploads,
            scratch=folder,
            version=config.blender,
        )
        self._lease: Lease | None = None
        self._stopping = threading.Event()
        self._polling = False
        self._problem = ""

    def run(self) -> None:
        """Work until told to go, or until there has been no work for as long as the configuration says."""
        log.info(LogEvent.WORKER_STARTED, "Worker started", blender=self._config.blender)
        try:
            with self._signals():
                self._blender.start()
                self._loop()
        finally:
            self._blender.close()
            self._uploads.close()
            log.info(LogEvent.WORKER_STOPPED, "Worker stopped")

    @property
    def blender_pid(self) -> int | None:
        """The process id of the child that holds Blender, None while there is none."""
        return self._blender.pid

    def _loop(self) -> None:
        worked = time.monotonic()
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            self._health.touch()
            try:
                received = self._receive()
                self._tell_once("")
                pause = FIRST_PAUSE
                if received is not None:
                    self._work_on(received)
                    worked = time.monotonic()
            except Exception as error:  # noqa: BLE001  a worker outlives whatever the network has
                self._tell_once(str(error))
                self._stopping.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            idle = timedelta(seconds=time.monotonic() - worked)
            if self._config.idle_exit is not None and idle >= self._config.idle_exit:
                return
            if idle >= KEEP_BLENDER:
                self._blender.close()

    def _tell_once(self, problem: str) -> None:
        """Log what keeps the worker from its work when it comes and when it goes, not as often as it is met."""
        if problem and problem != self._problem:
            log.error(LogEvent.POLL_FAILED, "Queue or Step Functions failed", problem=problem)
        elif self._problem and not problem:
            log.info(LogEvent.POLL_RECOVERED, "Queue and Step Functions answer again")
        self._problem = problem

    def _receive(self) -> Received | None:
        wait = LONGEST_POLL if self._config.idle_exit is None else min(LONGEST_POLL, self._config.idle_exit)
        # A signal does not interrupt a poll. SQS may answer an interrupted poll anyway, and its message would be
        # invisible for a whole lease and have lost one of its receives.
        try:
            self._polling = True
            if self._stopping.is_set():
                return None
            return self._queue.receive(lease=self._config.lease, wait=wait)
        except _PollTooLong:
            return None
        finally:
            self._polling = False

    def _work_on(self, received: Received) -> None:
        try:
            message = ChunkMessage.model_validate_json(received.body)
        except ValueError as error:
            # Left alone it ends in the dead-letter queue, where it can be looked at.
            log.error(
                LogEvent.CHUNK_MESSAGE_INVALID,
                "The message is not a chunk of this version",
                problem=str(error)[:500],
                receives=received.receives,
            )
            return
        self._shipper.bind(job_id=message.job_id, chunk_id=message.chunk_id)
        try:
            with self._leased(received, message) as lease:
                outcome = self._render(received, message, lease)
            if outcome.frame_seconds:
                self._renew_blender()
        finally:
            self._shipper.bind()

    def _renew_blender(self) -> None:
        """End a Blender that has grown and start another, which loads while the worker looks for work.

        The chunk has been answered and no other is leased: nothing waits for it, and a scene on the disk stays there.
        """
        pid, scene, tightest = self._blender.pid, self._blender.opened, self._blender.tightest
        self._blender.tightest = None
        held = None if pid is None else process_memory(pid)
        if pid is None or scene is None or held is None:
            # It has ended by itself, or the system does not say what it holds.
            return
        reason = self._growth.reason(AfterChunk(pid=pid, scene=scene, held=held, tightest=tightest))
        if reason is not None:
            log.info(LogEvent.BLENDER_RESTARTED, "Blender restarted", reason=reason)
            self._blender.close()
            self._blender.start()

    @contextmanager
    def _leased(self, received: Received, message: ChunkMessage) -> Iterator[Lease]:
        self._lease = Lease(
            received=received,
            token=message.task_token,
            queue=self._queue,
            tokens=self._tokens,
            length=self._config.lease,
            beat=self._config.beat,
            on_beat=self._health.touch,
            on_end=self._blender.kill,
        )
        try:
            with self._lease as lease:
                self._outages.waited_for = lambda: lease.ended is None
                if self._stopping.is_set():
                    lease.end(Ended.STOPPED)
                yield lease
        finally:
            self._outages.waited_for = lambda: False
            self._lease = None

    def _render(self, received: Received, message: ChunkMessage, lease: Lease) -> Outcome:
        begun = time.monotonic()
        outcome = Outcome()
        if lease.ended is None:
            log.info(
                LogEvent.CHUNK_RECEIVED,
                "Chunk received",
                frames=message.frames,
                attempt=message.attempt,
                receives=received.receives,
            )
            self._witness.watch(message, self._blender, receives=received.receives)
            outcome = self._renderer.render(message, ended=lambda: lease.ended is not None)
        seconds = round(time.monotonic() - begun, 3)
        ended = lease.ended
        if ended is None:
            ended = None if self._answer(message, outcome, seconds) else Ended.TOKEN_UNKNOWN
        elif outcome.frame_seconds:
            self._keep_result(message, outcome, seconds)
        if ended is Ended.STOPPED:
            # Anew, with the same token: made visible again it would count as received once more, and three
            # of those end in the dead-letter queue. Sent before it is deleted: twice does no harm, never does.
            self._queue.send(received.body)
        if ended is not None:
            log.info(LogEvent.CHUNK_RELEASED, "Chunk released", reason=str(ended), rendered=len(outcome.frame_seconds))
        if ended is Ended.TOKEN_UNKNOWN:
            # Step Functions may register the token soon. If it never does, the dead-letter queue ends the chunk.
            self._queue.give_back(received.receipt, self._config.beat)
        elif ended is not Ended.LEASE_LOST:
            self._queue.delete(received.receipt)
        return outcome

    def _answer(self, message: ChunkMessage, outcome: Outcome, seconds: float) -> bool:
        """Answer a chunk's token; return False where Step Functions does not know it."""
        self._keep_result(message, outcome, seconds)
        rendered = len(outcome.frame_seconds)
        if outcome.error is None:
            log.info(
                LogEvent.CHUNK_SUCCEEDED, "Chunk succeeded", rendered=rendered, reused=outcome.reused, seconds=seconds
            )
        else:
            name, cause = type(outcome.error).__name__, str(outcome.error)
            log.error(LogEvent.CHUNK_FAILED, "Chunk failed", error=name, cause=cause, rendered=rendered)
        # Before the answer: it may end the job, and the log should be there when the report is.
        self._shipper.ship()
        if outcome.error is None:
            answer = ChunkAnswer(
                chunk_id=message.chunk_id,
                rendered=rendered,
                reused=outcome.reused,
                seconds=seconds,
                worker=self._config.name,
            )
            send = functools.partial(self._tokens.succeed, message.task_token, answer.to_json())
        else:
            send = functools.partial(self._tokens.fail, message.task_token, error=name, cause=cause)
        try:
            self._outages.sit_out(send)
        except UnknownToken:
            return False
        return True

    def _keep_result(self, message: ChunkMessage, outcome: Outcome, seconds: float) -> None:
        error = outcome.error
        result = ChunkResult(
            chunk_id=message.chunk_id,
            frames=message.frames,
            worker=self._config.name,
            attempt=message.attempt,
            rendered=len(outcome.frame_seconds),
            reused=outcome.reused,
            seconds=seconds,
            frame_seconds={str(frame): spent for frame, spent in outcome.frame_seconds.items()},
            error=None if error is None else type(error).__name__,
            cause=None if error is None else str(error),
        )
        key = keys.result_key(message.job_id, message.chunk_id, attempt=message.attempt, worker=self._config.name)
        job_documents.write(self._store, self._config.log_bucket, key, result.to_json())

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Handle SIGTERM and SIGINT: kill the child at once, return the message, keep finished frames."""
        handlers = {signal.SIGTERM: self._stop, signal.SIGINT: self._stop, signal.SIGALRM: self._break_off}
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping.set()
        lease = self._lease
        if lease is not None:
            lease.end(Ended.STOPPED)
        elif self._polling:
            signal.setitimer(signal.ITIMER_REAL, LAST_POLL.total_seconds())

    def _break_off(self, _number: int, _frame: FrameType | None) -> None:
        if self._polling:
            raise _PollTooLong
