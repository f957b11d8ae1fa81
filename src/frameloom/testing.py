"""The farm's ports in memory: for tests, and for whoever builds on the services without AWS."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from frameloom.model.job_status import JobStatus
from frameloom.services.storage.ports import Execution, StoredObject, Taken


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    stored: StoredObject
    data: bytes
    content_type: str


class MemoryStore:
    """Buckets that keep every version of an object, named v1, v2, ...; a bucket is there once it is used."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str], list[_Version]] = {}
        self._lock = threading.Lock()

    def get(self, bucket: str, key: str) -> bytes | None:
        """Return an object's bytes, None where there is no such key."""
        versions = self._objects.get((bucket, key))
        return None if versions is None else versions[-1].data

    def read(self, bucket: str, key: str, *, start: int, length: int, etag: str) -> bytes:
        """Return bytes out of an object, all of them, of the version with this entity tag.

        Raises:
            LookupError: there is no such object any more, or it is another one now.
        """
        versions = self._objects.get((bucket, key))
        if versions is None or versions[-1].stored.etag != etag:
            raise LookupError(f"{key!r} in bucket {bucket!r} is not there any more, or another one")
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
        """Store the parts that the block puts as one object; on an error, store nothing.

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
        """Store an object, whole, over what was there."""
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
        """Return an object without its bytes, None where there is no such key."""
        versions = self._objects.get((bucket, key))
        return None if versions is None else versions[-1].stored

    def list(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        """Yield what lies below `prefix` in the order of keys, from the first key after `after`."""
        with self._lock:
            found = [
                versions[-1].stored
                for (held, key), versions in self._objects.items()
                if held == bucket and key.startswith(prefix) and key.encode() > after.encode()
            ]
        # S3 orders by the bytes of a key, and its listing tells neither of versions nor of metadata.
        for stored in sorted(found, key=lambda stored: stored.key.encode()):
            yield replace(stored, version=None, metadata={})

    def download(self, bucket: str, key: str, path: Path, *, version: str | None = None) -> None:
        """Write an object to `path`.

        Raises:
            LookupError: there is no such object, or no such version of it.
        """
        for held in reversed(self._objects.get((bucket, key), [])):
            if version in (None, held.stored.version):
                path.write_bytes(held.data)
                return
        raise LookupError(f"there is no {key!r} in bucket {bucket!r}")

    def upload(
        self,
        path: Path,
        bucket: str,
        key: str,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Store a file's bytes, whole, over what was there."""
        self.put(bucket, key, path.read_bytes(), content_type=content_type, metadata=metadata)

    def delete(self, bucket: str, key: str) -> None:
        """Take an object away, with all its versions."""
        with self._lock:
            self._objects.pop((bucket, key), None)

    def content_type(self, bucket: str, key: str) -> str:
        """Return what an object was stored as."""
        return self._objects[bucket, key][-1].content_type


class MemoryParts:
    """The parts of an object, by number."""

    def __init__(self) -> None:
        self.held: dict[int, bytes] = {}

    def put(self, number: int, data: bytes) -> None:
        """Store a part."""
        self.held[number] = data


class MemoryExecutions:
    """Jobs that run until `end` or `stop` is called; `now` says when each starts and ends."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._jobs: dict[str, Execution] = {}

    def start(self, job_id: str, request: Mapping[str, Any]) -> bool:
        """Start a job; return False where one of this id was started before."""
        if job_id in self._jobs:
            return False
        self._jobs[job_id] = Execution(
            job_id=job_id, status=JobStatus.RUNNING, started=self._now().isoformat(), input=_as_json(request)
        )
        return True

    def describe(self, job_id: str) -> Execution | None:
        """Return a job, None where there is none of this id."""
        return self._jobs.get(job_id)

    def stop(self, job_id: str, *, reason: str) -> None:
        """Cancel a job; one that has ended stays as it is.

        Raises:
            LookupError: there is no job of this id.
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
        """Let a job end, as the state machine would; one that has ended stays as it is."""
        job = self._jobs[job_id]
        if not job.status.ended:
            ended = {"ended": self._now().isoformat(), "output": _as_json(output)}
            self._jobs[job_id] = replace(job, status=status, error=error, cause=cause, **ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a task was ended: `output` where it was done, `error` and `cause` where it failed."""

    output: Any = None
    error: str | None = None
    cause: str | None = None


class MemoryTokens:
    """Task tokens that wait until they are answered, or are among the `dead`; keeps every beat and answer."""

    def __init__(self) -> None:
        self.dead: set[str] = set()
        self.beats: list[str] = []
        self.answers: dict[str, Answer] = {}

    def beat(self, token: str) -> bool:
        """Say that the task is being worked on; return False where nobody waits for it any more."""
        self.beats.append(token)
        return self._waits(token)

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        """End a task as done; return False where nobody waits for it any more."""
        return self._answer(token, Answer(output=_as_json(output)))

    def fail(self, token: str, *, error: str, cause: str) -> bool:
        """End a task as failed; return False where nobody waits for it any more."""
        return self._answer(token, Answer(error=error, cause=cause))

    def _answer(self, token: str, answer: Answer) -> bool:
        if not self._waits(token):
            return False
        self.answers[token] = answer
        return True

    def _waits(self, token: str) -> bool:
        return token not in self.dead and token not in self.answers


def _as_json(value: Any) -> Any:
    """Return what is left of a value on its way through Step Functions; as there, it must be JSON."""
    return json.loads(json.dumps(value))
