"""In-memory stand-ins for what a worker talks to; each keeps what happened to it."""

import itertools
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from frameloom.aws.queue import Received
from frameloom.services.storage.ports import UnknownToken


class MemoryQueue:
    """A queue that hands each message out once; `on_empty` is called when a worker finds nothing."""

    def __init__(self, *bodies: str, on_empty: Callable[[], None] = lambda: None) -> None:
        self._waiting = list(bodies)
        self._receipts = itertools.count(1)
        self._on_empty = on_empty
        self.leased: dict[str, str] = {}
        self.deleted: list[str] = []
        self.sent: list[str] = []
        self.renewed: list[str] = []
        # When each message that was given back is to be seen again.
        self.returned: dict[str, timedelta] = {}
        self.lost: set[str] = set()

    def receive(self, *, lease: timedelta, wait: timedelta) -> Received | None:
        """Lease the next message."""
        del lease, wait
        if not self._waiting:
            self._on_empty()
            return None
        receipt = f"receipt-{next(self._receipts)}"
        self.leased[receipt] = self._waiting.pop(0)
        return Received(body=self.leased[receipt], receipt=receipt, receives=1)

    def renew(self, receipt: str, lease: timedelta) -> bool:
        """Count a renewal."""
        del lease
        self.renewed.append(receipt)
        return receipt not in self.lost

    def give_back(self, receipt: str, after: timedelta) -> None:
        """Keep a message for later; it stays leased here, so that no worker comes to it again."""
        self.returned[receipt] = after

    def delete(self, receipt: str) -> None:
        """Forget a message."""
        self.deleted.append(self.leased.pop(receipt))

    def send(self, body: str) -> None:
        """Take a message that a worker gives back."""
        self.sent.append(body)


class MemoryAnswers:
    """Task tokens: which are alive, which are not known, and how each was answered."""

    def __init__(self) -> None:
        self.dead: set[str] = set()
        # After how many beats a token is not known any more; tokens whose answers are refused like that.
        self.unknown_after: dict[str, int] = {}
        self.unknown_answers: set[str] = set()
        self.beats: list[str] = []
        self.succeeded: dict[str, Mapping[str, Any]] = {}
        self.failed: dict[str, tuple[str, str]] = {}
        self.beaten = threading.Event()

    def beat(self, token: str) -> bool:
        """Count a beat."""
        self.beats.append(token)
        self.beaten.set()
        if self.beats.count(token) > self.unknown_after.get(token, len(self.beats)):
            raise UnknownToken
        return token not in self.dead

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        """Keep an answer."""
        if token in self.unknown_answers:
            raise UnknownToken
        self.succeeded[token] = output
        return True

    def fail(self, token: str, *, error: str, cause: str) -> bool:
        """Keep an error."""
        if token in self.unknown_answers:
            raise UnknownToken
        self.failed[token] = (error, cause)
        return True
