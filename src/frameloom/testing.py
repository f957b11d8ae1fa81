"""The farm's ports in memory: for tests, and for programs that use the services without AWS."""

import hashlib
import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from frameloom.model.job_status import JobStatus
from frameloom.services.storage.ports import Execution, Received, StoredObject, Taken, UnknownToken


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    stored: StoredObject
    data: bytes
    content_type: str


class MemoryStore:
    """Buckets that keep every version of an object, named v1, v2, ...; a bucket exists once it is used."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str], list[_Version]] = {}
        self._lock = threading.Lock()

    def get(self, bucket: str, key: str) -> bytes | None:
        """Return an object's bytes; None if the key has no object."""
        versions = self._objects.get((bucket, key))
        return None if versions is None else versions[-1].data

    def read(self, bucket: str, key: str, *, start: int, length: int, etag: str) -> bytes:
        """Return `length` bytes of an object of this entity tag.

        Raises:
            LookupError: the key has no object, or one with another entity tag.
        """
        versions = self._objects.get((bucket, key))
        if versions is None or versions[-1].stored.etag != etag:
            raise LookupError(f"bucket {bucket!r} has no {key!r} with entity tag {etag!r}")
        return versions[-1].data[start : start + length]

    @contextmanager
    def in_parts(
        self,
        bucket: str,
        key: str,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
        replaces: str | None = None,
    ) -> Iterator["MemoryParts"]:
        """Store the parts from the block as one object; store nothing after an error.

        Raises:
            Taken: at the end of the block, if `key` has an object that `replaces` does not name.
        """
        parts = MemoryParts()
        yield parts
        data = b"".join(data for _, data in sorted(parts.held.items()))
        with self._lock:
            there = self.head(bucket, key)
            if replaces != (None if there is None else there.etag):
                raise Taken(key)
            self._put(bucket, key, data, content_type, metadata)

    def put(
        self,
        bucket: str,
        key: str,
        data: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Store an object, or replace it."""
        with self._lock:
            self._put(bucket, key, data, content_type, metadata)

    def _put(self, bucket: str, key: str, data: bytes, content_type: str, metadata: Mapping[str, str] | None) -> None:
        versions = self._objects.setdefault((bucket, key), [])
        stored = StoredObject(
            key=key,
            size=len(data),
            version=f"v{len(versions) + 1}",
            etag=hashlib.md5(data, usedforsecurity=False).hexdigest(),
            metadata=dict(metadata or {}),
        )
        versions.append(_Version(stored=stored, data=bytes(data), content_type=content_type))

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """Return an object without its bytes; None if the key has no object."""
        versions = self._objects.get((bucket, key))
        return None if versions is None else versions[-1].stored

    def list(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        """Yield the objects below `prefix` in the order of keys, from the first key after `after`."""
        with self._lock:
            found = [
                versions[-1].stored
                for (held, key), versions in self._objects.items()
                if held == bucket and key.startswith(prefix) and key.encode() > after.encode()
            ]
        # S3 orders keys by their bytes, and its listing has neither versions nor metadata.
        for stored in sorted(found, key=lambda stored: stored.key.encode()):
            yield replace(stored, version=None, metadata={})

    def download(self, bucket: str, key: str, path: Path, *, version: str | None = None) -> None:
        """Write an object to `path`.

        Raises:
            LookupError: the object or the version does not exist.
        """
        for held in reversed(self._objects.get((bucket, key), [])):
            if version in (None, held.stored.version):
                path.write_bytes(held.data)
                return
        raise LookupError(f"bucket {bucket!r} has no {key!r}")

    def upload(
        self,
        path: Path,
        bucket: str,
        key: str,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Store a file's bytes as an object, or replace it."""
        self.put(bucket, key, path.read_bytes(), content_type=content_type, metadata=metadata)

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object with all its versions."""
        with self._lock:
            self._objects.pop((bucket, key), None)

    def content_type(self, bucket: str, key: str) -> str:
        """Return the content type of an object."""
        return self._objects[bucket, key][-1].content_type


class MemoryParts:
    """The parts of an object, by number."""

    def __init__(self) -> None:
        self.held: dict[int, bytes] = {}

    def put(self, number: int, data: bytes) -> None:
        """Store a part."""
        self.held[number] = data


class MemoryExecutions:
    """Jobs that run until `end` or `stop` is called; `now` is their clock."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._jobs: dict[str, Execution] = {}

    def start(self, job_id: str, request: Mapping[str, Any]) -> bool:
        """Start a job; return False if a job with this id was started before."""
        if job_id in self._jobs:
            return False
        self._jobs[job_id] = Execution(
            job_id=job_id, status=JobStatus.RUNNING, started=self._now().isoformat(), input=_as_json(request)
        )
        return True

    def describe(self, job_id: str) -> Execution | None:
        """Return a job; None if no job has this id."""
        return self._jobs.get(job_id)

    def stop(self, job_id: str, *, reason: str) -> None:
        """Cancel a job; a job that has ended stays as it is.

        Raises:
            LookupError: no job has this id.
        """
        if job_id not in self._jobs:
            raise LookupError(f"there is no job {job_id!r}")
        self.end(job_id, JobStatus.CANCELED, error="Canceled", cause=reason)

    def list(self, *, limit: int) -> list[Execution]:
        """Return the newest jobs first, without their input and output."""
        newest = list(reversed(self._jobs.values()))[:limit]
        return [replace(job, input=None, output=None, error=None, cause=None) for job in newest]

    def end(
        self, job_id: str, status: JobStatus, *, output: Any = None, error: str | None = None, cause: str | None = None
    ) -> None:
        """End a job, as the state machine would; a job that has ended stays as it is."""
        job = self._jobs[job_id]
        if not job.status.ended:
            ended = {"ended": self._now().isoformat(), "output": _as_json(output)}
            self._jobs[job_id] = replace(job, status=status, error=error, cause=cause, **ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of a task: `output` if it succeeded, `error` and `cause` if it failed."""

    output: Any = None
    error: str | None = None
    cause: str | None = None


class MemoryTokens:
    """Task tokens with one answer each, and all heartbeats in order.

    Tokens in `dead` have expired. `unknown_after` is the number of heartbeats after which a token is unknown. An answer
    to a token in `unknown_answers` raises UnknownToken.
    """

    def __init__(self) -> None:
        self.dead: set[str] = set()
        self.unknown_after: dict[str, int] = {}
        self.unknown_answers: set[str] = set()
        self.beats: list[str] = []
        self.answers: dict[str, Answer] = {}

    @property
    def succeeded(self) -> dict[str, Any]:
        """The outputs of the tasks that succeeded, by token."""
        return {token: answer.output for token, answer in self.answers.items() if answer.error is None}

    @property
    def failed(self) -> dict[str, tuple[str, str]]:
        """The errors and causes of the tasks that failed, by token."""
        failed = ((token, answer.error, answer.cause) for token, answer in self.answers.items())
        return {token: (error, cause or "") for token, error, cause in failed if error is not None}

    def beat(self, token: str) -> bool:
        """Send a heartbeat; return False if the task has ended.

        Raises:
            UnknownToken: see `unknown_after`.
        """
        self.beats.append(token)
        if self.beats.count(token) > self.unknown_after.get(token, len(self.beats)):
            raise UnknownToken
        return self._runs(token)

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        """End a task as succeeded; return False if it has ended already.

        Raises:
            UnknownToken: see `unknown_answers`.
        """
        return self._answer(token, Answer(output=_as_json(output)))

    def fail(self, token: str, *, error: str, cause: str) -> bool:
        """End a task as failed; return False if it has ended already.

        Raises:
            UnknownToken: see `unknown_answers`.
        """
        return self._answer(token, Answer(error=error, cause=cause))

    def _answer(self, token: str, answer: Answer) -> bool:
        if token in self.unknown_answers:
            raise UnknownToken
        if not self._runs(token):
            return False
        self.answers[token] = answer
        return True

    def _runs(self, token: str) -> bool:
        return token not in self.dead and token not in self.answers


class MemoryQueue:
    """A queue that hands out each message once; `on_empty` is called when a worker finds no message.

    `lost` are the receipts whose lease cannot be renewed. `returned` has the delay of each message that was given back;
    such a message stays leased, so that no worker receives it again.
    """

    def __init__(self, *bodies: str, on_empty: Callable[[], None] = lambda: None) -> None:
        self._waiting = list(bodies)
        self._receipts = itertools.count(1)
        self._on_empty = on_empty
        self.leased: dict[str, str] = {}
        self.deleted: list[str] = []
        self.sent: list[str] = []
        self.renewed: list[str] = []
        self.returned: dict[str, timedelta] = {}
        self.lost: set[str] = set()

    def receive(self, *, lease: timedelta, wait: timedelta) -> Received | None:
        """Lease the next message; return None if no message waits."""
        del lease, wait
        if not self._waiting:
            self._on_empty()
            return None
        receipt = f"receipt-{next(self._receipts)}"
        self.leased[receipt] = self._waiting.pop(0)
        return Received(body=self.leased[receipt], receipt=receipt, receives=1)

    def renew(self, receipt: str, lease: timedelta) -> bool:
        """Renew a lease; return False if it is among the `lost`."""
        del lease
        self.renewed.append(receipt)
        return receipt not in self.lost

    def give_back(self, receipt: str, after: timedelta) -> None:
        """Record that a message becomes visible again after a delay."""
        self.returned[receipt] = after

    def delete(self, receipt: str) -> None:
        """Delete a leased message."""
        self.deleted.append(self.leased.pop(receipt))

    def send(self, body: str) -> None:
        """Record a message that was sent."""
        self.sent.append(body)


def _as_json(value: Any) -> Any:
    """Return a value as Step Functions would pass it on: as JSON."""
    return json.loads(json.dumps(value))
