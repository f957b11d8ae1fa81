"""The worker's loop: receive a chunk, keep its lease, render it, answer its task token."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Protocol

from frameloom.aws.queue import LONGEST_POLL
from frameloom.model.backoff import delays
from frameloom.model.errors import BlenderMismatch
from frameloom.model.log_event import LogEvent
from frameloom.model.messages import ChunkMessage, QueueMessage, SceneTask
from frameloom.services.storage.ports import Received, Store
from frameloom.services.system.memory import process_memory
from worker.answers import Answers, TaskAnswers
from worker.blender import Blender
from worker.blender_log import BlenderLog
from worker.chunk import ChunkRenderer
from worker.config import WorkerConfig
from worker.flat_frames import FlatFrames
from worker.health import Health
from worker.lease import Lease, Leases, ReleaseReason
from worker.log import log
from worker.log_shipper import LogShipper
from worker.memory_growth import MemoryAfterChunk, MemoryGrowth
from worker.outcome import Outcome
from worker.retry import Retry, RetryingStore
from worker.scene_tasks import SceneTasks
from worker.scenes import SceneCache
from worker.uploads import Uploads

# After this time without work, Blender is ended to free its memory.
KEEP_BLENDER = timedelta(minutes=5)
# Time that a stopping worker waits for its last poll, which takes at most 20 seconds unless SQS fails.
LAST_POLL = LONGEST_POLL + timedelta(seconds=5)
# Limits of the delays between failed polls, in seconds.
FIRST_DELAY, LONGEST_DELAY = 2.0, 60.0


class ChunkQueue(Leases, Protocol):
    """The chunk queue."""

    def receive(self, *, lease: timedelta, wait: timedelta) -> Received | None:
        """Return a leased message, None if none comes within `wait`."""

    def give_back(self, receipt: str, after: timedelta) -> None:
        """Make a message visible again after a delay."""

    def delete(self, receipt: str) -> None:
        """Delete a message."""

    def send(self, body: str) -> None:
        """Send a message."""


class _PollTooLong(BaseException):
    """SQS has not answered the last poll of a stopping worker in time."""


class Supervisor:
    """One worker: a loop over the chunk queue, until SIGTERM or SIGINT.

    Args:
        blender: closed at the end; it may be started before, to load early.
        folder: holds scenes and frames; the caller removes it.
        is_transient: whether an error of AWS is transient.
    """

    def __init__(
        self,
        *,
        config: WorkerConfig,
        queue: ChunkQueue,
        store: Store,
        tokens: TaskAnswers,
        shipper: LogShipper,
        blender: Blender,
        folder: Path,
        is_transient: Callable[[Exception], bool] = lambda _: False,
    ) -> None:
        self._config, self._queue, self._tokens, self._shipper = config, queue, tokens, shipper
        self._retry = Retry(is_transient=is_transient)
        self._store = store = RetryingStore(store, self._retry)
        self._blender = blender
        self._growth = MemoryGrowth(allowed=config.growth)
        flat_frames = FlatFrames(store=store, bucket=config.log_bucket, worker=config.name)
        self._uploads = Uploads(store, flat_frames)
        self._blender_log = BlenderLog(store=store, bucket=config.log_bucket, worker=config.name, shipper=shipper)
        self._health = Health(config.health_file)
        scenes = SceneCache(folder / "scenes", store)
        self._renderer = ChunkRenderer(blender=self._blender, scenes=scenes, uploads=self._uploads, scratch=folder)
        self._scene_tasks = SceneTasks(blender=self._blender, scenes=scenes, store=store, bucket=config.log_bucket)
        self._answers = Answers(
            store=store,
            bucket=config.log_bucket,
            worker=config.name,
            tokens=tokens,
            retry=self._retry,
            ship_log=shipper.ship,
        )
        self._lease: Lease | None = None
        self._stopping = threading.Event()
        self._polling = False
        self._problem = ""

    def run(self) -> None:
        """Work until the worker is stopped or has been idle for the configured time."""
        log.info(LogEvent.WORKER_STARTED, "Worker started", blenders=" ".join(self._config.blenders))
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
        """The process id of Blender, None if it does not run."""
        return self._blender.pid

    def _loop(self) -> None:
        worked = time.monotonic()
        pauses = delays(first=FIRST_DELAY, longest=LONGEST_DELAY)
        while not self._stopping.is_set():
            self._health.touch()
            try:
                received = self._receive()
                self._log_poll("")
                pauses = delays(first=FIRST_DELAY, longest=LONGEST_DELAY)
                if received is not None:
                    self._work_on(received)
                    worked = time.monotonic()
            except Exception as error:  # noqa: BLE001  a worker outlives all network errors
                self._log_poll(str(error))
                self._stopping.wait(next(pauses))
            idle = timedelta(seconds=time.monotonic() - worked)
            if self._config.idle_exit is not None and idle >= self._config.idle_exit:
                return
            if idle >= KEEP_BLENDER:
                self._blender.close()

    def _log_poll(self, problem: str) -> None:
        """Log a problem once when it begins and once when it ends; empty after a success."""
        if problem and problem != self._problem:
            log.error(LogEvent.POLL_FAILED, "Queue or Step Functions failed", problem=problem)
        elif self._problem and not problem:
            log.info(LogEvent.POLL_RECOVERED, "Queue and Step Functions answer again")
        self._problem = problem

    def _receive(self) -> Received | None:
        wait = LONGEST_POLL if self._config.idle_exit is None else min(LONGEST_POLL, self._config.idle_exit)
        # A signal does not interrupt a poll: SQS may answer an interrupted poll all the same. Its message would be
        # invisible for a whole lease and would have used one of its receives.
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
            message = QueueMessage.model_validate_json(received.body).root
        except ValueError as error:
            # The message stays in the queue until it moves to the dead-letter queue.
            log.error(
                LogEvent.CHUNK_MESSAGE_INVALID,
                "The message is not one of this version",
                problem=str(error)[:500],
                receives=received.receives,
            )
            return
        self._shipper.bind(job_id=message.job_id, chunk_id=message.chunk_id)
        try:
            with self._leased(received, message) as lease:
                outcome = self._do(received, message, lease)
            if outcome.frame_seconds:
                self._restart_grown_blender()
        finally:
            self._shipper.bind()

    def _restart_grown_blender(self) -> None:
        """Restart Blender if its memory has grown; it loads while the worker polls the queue.

        The chunk has been answered and no other is leased, so nothing waits for Blender. The scene stays on the disk.
        """
        pid, scene, lowest = self._blender.pid, self._blender.open_scene, self._blender.lowest_memory
        self._blender.lowest_memory = None
        used = None if pid is None else process_memory(pid)
        if pid is None or scene is None or used is None:
            # Blender has ended, or the system does not report its memory.
            return
        reason = self._growth.restart_reason(MemoryAfterChunk(pid=pid, scene=scene, used=used, lowest=lowest))
        if reason is not None:
            log.info(LogEvent.BLENDER_RESTARTED, "Blender restarted", reason=reason)
            self._blender.close()
            # Its version may have been removed meanwhile; the next chunk starts its own.
            with suppress(BlenderMismatch):
                self._blender.start()

    @contextmanager
    def _leased(self, received: Received, message: ChunkMessage | SceneTask) -> Iterator[Lease]:
        self._lease = Lease(
            received=received,
            token=message.task_token,
            queue=self._queue,
            tokens=self._tokens,
            length=self._config.lease,
            interval=self._config.heartbeat_interval,
            on_heartbeat=self._health.touch,
            on_release=self._blender.kill,
        )
        try:
            with self._lease as lease:
                self._retry.is_wanted = lambda: lease.released is None
                if self._stopping.is_set():
                    lease.release(ReleaseReason.STOPPED)
                yield lease
        finally:
            self._retry.is_wanted = lambda: False
            self._lease = None

    def _do(self, received: Received, message: ChunkMessage | SceneTask, lease: Lease) -> Outcome:
        begun = time.monotonic()
        outcome = Outcome()
        if lease.released is None:
            outcome = self._begin(received, message, released=lambda: lease.released is not None)
        seconds = round(time.monotonic() - begun, 3)
        reason = lease.released
        if reason is None:
            reason = None if self._answers.send(message, outcome, seconds) else ReleaseReason.TOKEN_UNKNOWN
        elif outcome.frame_seconds and isinstance(message, ChunkMessage):
            self._answers.keep_result(message, outcome, seconds)
        if reason is ReleaseReason.STOPPED:
            # A new message with the same token: the old one would count one more receive, and after three it moves to
            # the dead-letter queue. Sent before the old one is deleted, since a chunk may exist twice but not never.
            self._queue.send(received.body)
        if reason is not None:
            log.info(LogEvent.CHUNK_RELEASED, "Chunk released", reason=str(reason), rendered=len(outcome.frame_seconds))
        if reason is ReleaseReason.TOKEN_UNKNOWN:
            # Step Functions may register the token soon. If it never does, the dead-letter queue ends the chunk.
            self._queue.give_back(received.receipt, self._config.heartbeat_interval)
        elif reason is not ReleaseReason.LEASE_LOST:
            self._queue.delete(received.receipt)
        return outcome

    def _begin(self, received: Received, message: ChunkMessage | SceneTask, *, released: Callable[[], bool]) -> Outcome:
        counts = {"attempt": message.attempt, "receives": received.receives}
        if isinstance(message, SceneTask):
            log.info(LogEvent.TASK_RECEIVED, "Task received", task=message.task, **counts)
        else:
            log.info(LogEvent.CHUNK_RECEIVED, "Chunk received", frames=message.frames, **counts)
        self._blender_log.start_message(message, self._blender, receives=received.receives)
        if isinstance(message, SceneTask):
            return self._scene_tasks.do(message, released=released)
        return self._renderer.render(message, released=released)

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
            lease.release(ReleaseReason.STOPPED)
        elif self._polling:
            signal.setitimer(signal.ITIMER_REAL, LAST_POLL.total_seconds())

    def _break_off(self, _number: int, _frame: FrameType | None) -> None:
        if self._polling:
            raise _PollTooLong
