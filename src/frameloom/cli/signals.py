"""Ctrl-C, SIGTERM and SIGHUP: the first signal ends the work, later signals do not end the cleanup."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self, TypeVar

from frameloom.cli.terminal import leave_dead_terminal

T = TypeVar("T")

# A closed terminal counts too: no part of a farm may outlive the command that started it. On a farm that outlives the
# command, the code that catches HungUp lets the job continue.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class HungUp(KeyboardInterrupt):
    """The terminal was closed, or its connection was lost; the user did not ask to stop."""


class Left(KeyboardInterrupt):
    """The command was interrupted and its job continues; the message names the command that follows it."""


class Interrupts:
    """Turns the first signal into KeyboardInterrupt in the main thread; a context manager.

    Later signals are ignored, except in a `skippable` section, so that they do not interrupt the cleanup.
    """

    def __init__(self) -> None:
        self._handlers: dict[signal.Signals, Any] = {}
        self._seen = self._holding = self._skipping = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            # `nohup` ignores SIGHUP so that the command outlives its terminal; keep that.
            signals = [each for each in SIGNALS if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN]
            self._handlers = {number: signal.signal(number, self._receive) for number in signals}
        return self

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        hung_up = number == signal.SIGHUP
        if hung_up:
            leave_dead_terminal()
        first, self._seen = not self._seen, True
        # Only a second Ctrl-C asks to skip the cleanup.
        if not self._holding and (first or (self._skipping and not hung_up)):
            raise HungUp if hung_up else KeyboardInterrupt

    @contextmanager
    def skippable(self) -> Iterator[None]:
        """Let one more signal end this section, and only this section."""
        self._skipping = True
        try:
            yield
        except KeyboardInterrupt:
            pass
        finally:
            self._skipping = False

    def surely(self, work: Callable[[], T], close: Callable[[], None]) -> T:
        """Return the value of `work`; run `close` to its end also after an error or a signal.

        `close` must be harmless when it is repeated, or when there is nothing to close.
        """
        try:
            try:
                return work()
            finally:
                self._holding = True
                close()
        except KeyboardInterrupt:
            # The signal may have come after the work and before the close.
            self._holding = True
            close()
            raise
