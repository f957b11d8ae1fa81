"""Sits out what passes by itself: a service that fails, throttles or says nothing for a while.

A frame that is rendered costs nothing to keep and minutes to render again, so a worker holds on to its chunk for as
long as somebody waits for it.
"""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from frameloom.model.log_event import LogEvent
from frameloom.services.storage.ports import Store, StoredObject
from worker.log import log

# Past this it is no outage any more: the attempt fails, and another machine may see it otherwise.
LONGEST = timedelta(minutes=10)
# Between two tries, doubling; in seconds.
_FIRST, _LAST = 0.5, 15.0
# How long it takes to hear that nobody waits any more, in seconds.
_LOOK = 0.25

Answer = TypeVar("Answer")


class Outages:
    """Makes a call until it succeeds, for as long as somebody waits for what comes of it.

    Args:
        passes: whether an error is one that passes by itself.
    """

    def __init__(self, *, passes: Callable[[Exception], bool]) -> None:
        self._passes = passes
        # Whether somebody waits; the chunk at hand says.
        self.waited_for: Callable[[], bool] = lambda: False

    def sit_out(self, call: Callable[[], Answer]) -> Answer:
        """Return what `call` returns.

        Raises:
            Exception: what it raises and will not pass, or has not passed by the time that nobody waits.
        """
        begun, pause = time.monotonic(), _FIRST
        while True:
            try:
                answer = call()
            except Exception as error:
                spent = timedelta(seconds=time.monotonic() - begun)
                if not self._passes(error) or spent >= LONGEST:
                    raise
                if pause == _FIRST:
                    log.warning(LogEvent.AWS_CALL_RETRYING, "AWS call failed, retrying", problem=str(error))
                if not self._wait(pause):
                    raise
                pause = min(2 * pause, _LAST)
            else:
                if pause != _FIRST:
                    spent = timedelta(seconds=time.monotonic() - begun)
                    log.info(LogEvent.AWS_CALL_RECOVERED, "AWS call succeeded", seconds=round(spent.total_seconds(), 1))
                return answer

    def _wait(self, seconds: float) -> bool:
        """Pause; return False at once when nobody waits any more."""
        until = time.monotonic() + seconds
        while waited_for := self.waited_for():
            left = until - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(_LOOK, left))
        return waited_for


class LastingStore:
    """A store that sits out the outages of the one behind it; see `frameloom.services.storage.ports.Store`."""

    def __init__(self, store: Store, outages: Outages) -> None:
        self._store, self._outages = store, outages

    def get(self, bucket: str, key: str) -> bytes | None:
        """Return an object's bytes, None where there is no such key."""
        return self._outages.sit_out(lambda: self._store.get(bucket, key))

    def put(self, bucket: str, key: str, data: bytes, **how: Any) -> None:
        """Store an object, whole, over what was there."""
        self._outages.sit_out(lambda: self._store.put(bucket, key, data, **how))

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """Return an object without its bytes, None where there is no such key."""
        return self._outages.sit_out(lambda: self._store.head(bucket, key))

    def list(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        """Yield what lies below `prefix` in the order of keys, from the first key after `after`."""
        listing: Iterator[StoredObject] | None = None

        def following() -> StoredObject | None:
            nonlocal listing
            listing = listing or self._store.list(bucket, prefix, after=after)
            try:
                return next(listing, None)
            except Exception:
                # It ends with its error; another one begins where it was.
                listing = None
                raise

        while (stored := self._outages.sit_out(following)) is not None:
            after = stored.key
            yield stored

    def download(self, bucket: str, key: str, path: Path, *, version: str | None = None) -> None:
        """Write an object to `path`."""
        self._outages.sit_out(lambda: self._store.download(bucket, key, path, version=version))

    def upload(self, path: Path, bucket: str, key: str, **how: Any) -> None:
        """Store a file's bytes, whole, over what was there."""
        self._outages.sit_out(lambda: self._store.upload(path, bucket, key, **how))
