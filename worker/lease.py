"""The lease on one message: kept while the worker lives, given up the moment nobody waits for the chunk."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

from frameloom.model.log_event import LogEvent
from frameloom.services.storage.ports import Received, UnknownToken
from worker.log import log


class Ended(StrEnum):
    """Why a chunk must not be rendered on."""

    TOKEN_DEAD = "the chunk's task has ended"  # noqa: S105  no secret
    TOKEN_UNKNOWN = "Step Functions does not know the chunk's token"  # noqa: S105  no secret
    LEASE_LOST = "the chunk went to another worker"
    STOPPED = "the worker is going"


class Leasable(Protocol):
    """The part of a queue that a lease needs."""

    def renew(self, receipt: str, lease: timedelta) -> bool:
        """Lease the message anew; False where it is no longer ours."""


class Beatable(Protocol):
    """The part of the task tokens that a lease needs."""

    def beat(self, token: str) -> bool:
        """Send the task's heartbeat; False where the task has ended.

        Raises:
            UnknownToken: the token is not known.
        """


class Lease:
    """Renews a message's visibility and beats its task's heart, every `beat`; a context manager.

    Both clocks of docs/protocol.md are kept here: the queue's, which hands a dead worker's chunk to another,
    and the task's, whose answer tells of a canceled job.
    """

    def __init__(
        self,
        *,
        received: Received,
        token: str,
        queue: Leasable,
        tokens: Beatable,
        length: timedelta,
        beat: timedelta,
        on_beat: Callable[[], None],
        on_end: Callable[[], None],
    ) -> None:
        self._received, self._token = received, token
        self._queue, self._tokens = queue, tokens
        self._length, self._beat = length, beat
        self._on_beat, self._on_end = on_beat, on_end
        # What kept the last renewal and the last beat from being answered, by what was missed.
        self._problems: dict[LogEvent, str] = {}
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._due = 0.0
        self.ended: Ended | None = None

    def __enter__(self) -> Self:
        """Beat once, so that a dead job's message is dropped unrendered, then keep beating beside the render."""
        self._due = time.monotonic() + self._beat.total_seconds()
        self._renew()
        if self.ended is None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        if self._thread.is_alive():
            self._thread.join()

    def end(self, why: Ended) -> None:
        """Give the chunk up; the first reason counts."""
        if self.ended is None:
            self.ended = why
            self._on_end()

    def _keep(self) -> None:
        # By the clock and not from one to the next: a service that keeps a beat waiting must not delay those after it.
        while self.ended is None and not self._released.wait(max(0.0, self._due - time.monotonic())):
            self._due = max(self._due, time.monotonic()) + self._beat.total_seconds()
            self._renew()

    def _renew(self) -> None:
        self._on_beat()
        # Each on its own: a service that is away must not cost what the other one keeps.
        with self._missed(LogEvent.RENEWAL_FAILED, "Lease renewal failed"):
            if not self._queue.renew(self._received.receipt, self._length):
                self.end(Ended.LEASE_LOST)
        with self._missed(LogEvent.HEARTBEAT_FAILED, "Heartbeat failed"):
            try:
                if not self._tokens.beat(self._token):
                    self.end(Ended.TOKEN_DEAD)
            except UnknownToken:
                self.end(Ended.TOKEN_UNKNOWN)

    @contextmanager
    def _missed(self, event: LogEvent, message: str) -> Iterator[None]:
        problem = ""
        try:
            yield
        except Exception as error:  # noqa: BLE001  one may be missed: three more come before the lease ends
            problem = str(error)
        # When it comes and not as often as it is met: an outage may take as long as a chunk.
        if problem and problem != self._problems.get(event):
            log.warning(event, message, problem=problem)
        self._problems[event] = problem
