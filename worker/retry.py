"""Retries calls to AWS that fail by a transient error: an outage, throttling, a time-out.

A rendered frame costs nothing to keep and minutes to render again, so a worker holds on to its chunk while the job
waits for it.
"""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from frameloom.model.backoff import delays
from frameloom.model.log_event import LogEvent
from frameloom.services.storage.ports import Store, StoredObject
from worker.log import log

# After this time the attempt fails, so that another machine tries.
LONGEST_OUTAGE = timedelta(minutes=10)
# Limits of the delays between attempts, in seconds.
FIRST_DELAY, LONGEST_DELAY = 1.0, 30.0
# Seconds after which a wait notices that the call is no longer wanted.
_POLL = 0.25

Answer = TypeVar("Answer")


class Retry:
    """Makes a call until it succeeds, as long as its result is wanted.

    Args:
        is_transient: whether the same call may succeed after this error.
    """

    def __init__(self, *, is_transient: Callable[[Exception], bool]) -> None:
        self._is_transient = is_transient
        # Whether the results of calls are still wanted; set for each chunk.
        self.is_wanted: Callable[[], bool] = lambda: False

    def call(self, call: Callable[[], Answer]) -> Answer:
        """Return the result of `call`.

        Raises:
            Exception: an error of `call` that is not transient, or that lasts until the call is no longer wanted.
        """
        begun, logged = time.monotonic(), False
        pauses = delays(first=FIRST_DELAY, longest=LONGEST_DELAY)
        while True:
            try:
                answer = call()
            except Exception as error:
                spent = timedelta(seconds=time.monotonic() - begun)
                if not self._is_transient(error) or spent >= LONGEST_OUTAGE:
                    raise
                if not logged:
                    log.warning(LogEvent.AWS_CALL_RETRYING, "AWS call failed, retrying", problem=str(error))
                    logged = True
                if not self._wait(next(pauses)):
                    raise
            else:
                if logged:
                    seconds = round(time.monotonic() - begun, 1)
                    log.info(LogEvent.AWS_CALL_RECOVERED, "AWS call succeeded", seconds=seconds)
                return answer

    def _wait(self, seconds: float) -> bool:
        """Wait; return False at once when the call is no longer wanted."""
        until = time.monotonic() + seconds
        while is_wanted := self.is_wanted():
            left = until - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(_POLL, left))
        return is_wanted


class RetryingStore:
    """A store that retries each call to another store; see `frameloom.services.storage.ports.Store`."""

    def __init__(self, store: Store, retry: Retry) -> None:
        self._store, self._retry = store, retry

    def get(self, bucket: str, key: str) -> bytes | None:
        """Return an object's bytes, None if there is no such key."""
        return self._retry.call(lambda: self._store.get(bucket, key))

    def put(self, bucket: str, key: str, data: bytes, **how: Any) -> None:
        """Store an object, whole, over an earlier one."""
        self._retry.call(lambda: self._store.put(bucket, key, data, **how))

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """Return an object without its bytes, None if there is no such key."""
        return self._retry.call(lambda: self._store.head(bucket, key))

    def list(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        """Yield the objects below `prefix` in the order of keys, from the first key after `after`."""
        listing: Iterator[StoredObject] | None = None

        def following() -> StoredObject | None:
            nonlocal listing
            listing = listing or self._store.list(bucket, prefix, after=after)
            try:
                return next(listing, None)
            except Exception:
                # A generator ends with its error. The next one continues after the last key.
                listing = None
                raise

        while (stored := self._retry.call(following)) is not None:
            after = stored.key
            yield stored

    def download(self, bucket: str, key: str, path: Path, *, version: str | None = None) -> None:
        """Write an object to `path`."""
        self._retry.call(lambda: self._store.download(bucket, key, path, version=version))

    def upload(self, path: Path, bucket: str, key: str, **how: Any) -> None:
        """Store a file's bytes, whole, over an earlier object."""
        self._retry.call(lambda: self._store.upload(path, bucket, key, **how))
