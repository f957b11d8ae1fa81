"""The lease on a chunk's message: renewed while the worker renders, released when the job does not want the chunk."""

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


class ReleaseReason(StrEnum):
    """Why a worker releases a chunk before the chunk is finished."""

    TOKEN_DEAD = "the chunk's task has ended"  # noqa: S105  no secret
    TOKEN_UNKNOWN = "Step Functions does not know the chunk's token"  # noqa: S105  no secret
    LEASE_LOST = "another worker has received the chunk"
    STOPPED = "the worker is stopping"


class Leases(Protocol):
    """The part of a queue that a lease needs."""

    def renew(self, receipt: str, lease: timedelta) -> bool:
        """Renew the lease on a message; False if another worker has received it."""


class Heartbeats(Protocol):
    """The part of the task tokens that a lease needs."""

    def beat(self, token: str) -> bool:
        """Send the task's heartbeat; False if the task has ended.

        Raises:
            UnknownToken: the token is not known.
        """


class Lease:
    """Renews a message's visibility time-out and sends its task's heartbeat, every `interval`; a context manager.

    These are the two clocks of docs/protocol.md. When a worker dies, the queue's clock gives its chunk to another
    worker. When a job is canceled, the task's heartbeat fails.
    """

    def __init__(
        self,
        *,
        received: Received,
        token: str,
        queue: Leases,
        tokens: Heartbeats,
        length: timedelta,
        interval: timedelta,
        on_heartbeat: Callable[[], None],
        on_release: Callable[[], None],
    ) -> None:
        self._received, self._token = received, token
        self._queue, self._tokens = queue, tokens
        self._length, self._interval = length, interval
        self._on_heartbeat, self._on_release = on_heartbeat, on_release
        # The error of the last renewal and of the last heartbeat, empty after a success.
        self._problems: dict[LogEvent, str] = {}
        self._exited = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._due = 0.0
        self.released: ReleaseReason | None = None

    def __enter__(self) -> Self:
        """Renew once, so that a dead job's message is dropped unrendered, then keep renewing in a thread."""
        self._due = time.monotonic() + self._interval.total_seconds()
        self._renew()
        if self.released is None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exited.set()
        if self._thread.is_alive():
            self._thread.join()

    def release(self, reason: ReleaseReason) -> None:
        """Give the chunk up; the first reason counts."""
        if self.released is None:
            self.released = reason
            self._on_release()

    def _keep(self) -> None:
        # By the clock and not from one renewal to the next: a slow answer must not delay the renewals after it.
        while self.released is None and not self._exited.wait(max(0.0, self._due - time.monotonic())):
            self._due = max(self._due, time.monotonic()) + self._interval.total_seconds()
            self._renew()

    def _renew(self) -> None:
        self._on_heartbeat()
        # Apart from each other: an outage of one service must not stop the calls to the other.
        with self._logged(LogEvent.RENEWAL_FAILED, "Lease renewal failed"):
            if not self._queue.renew(self._received.receipt, self._length):
                self.release(ReleaseReason.LEASE_LOST)
        with self._logged(LogEvent.HEARTBEAT_FAILED, "Heartbeat failed"):
            try:
                if not self._tokens.beat(self._token):
                    self.release(ReleaseReason.TOKEN_DEAD)
            except UnknownToken:
                self.release(ReleaseReason.TOKEN_UNKNOWN)

    @contextmanager
    def _logged(self, event: LogEvent, message: str) -> Iterator[None]:
        problem = ""
        try:
            yield
        except Exception as error:  # noqa: BLE001  one call may fail: three more come before the lease ends
            problem = str(error)
        # Once for each problem: an outage may last as long as the chunk.
        if problem and problem != self._problems.get(event):
            log.warning(event, message, problem=problem)
        self._problems[event] = problem
