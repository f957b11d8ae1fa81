"""The interfaces that the services need: `frameloom.aws` implements them with AWS, `frameloom.testing` in memory."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from frameloom.model.job_status import JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object in a bucket; `size` in bytes, `version` None if the bucket keeps no versions."""

    key: str
    size: int
    version: str | None = None
    etag: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


class Store(Protocol):
    """Buckets of objects. Writes are atomic: a reader never gets a part of an object."""

    def get(self, bucket: str, key: str) -> bytes | None:
        """Return an object's bytes; None if the key has no object."""

    def put(self, bucket: str, key: str, data: bytes, *, content_type: str = "application/octet-stream") -> None:
        """Store an object, or replace it."""

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """Return an object without its bytes; None if the key has no object."""

    def list(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        """Yield the objects below `prefix` in the order of keys, from the first key after `after`."""

    def download(self, bucket: str, key: str, path: Path, *, version: str | None = None) -> None:
        """Write an object to `path`.

        Raises:
            LookupError: the object or the version does not exist.
        """

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


class Taken(Exception):
    """A conditional write failed: the key has another object than expected, or an unexpected one."""


class Parts(Protocol):
    """An object that is being written in parts, and is visible once it has all parts."""

    def put(self, number: int, data: bytes) -> None:
        """Store a part, in any order, from any thread: number 1 to 10,000, each but the last of 5 MiB or more."""


class StreamStore(Store, Protocol):
    """A store that reads and writes objects in parts, without holding them in memory."""

    def read(self, bucket: str, key: str, *, start: int, length: int, etag: str) -> bytes:
        """Return `length` bytes of an object of this entity tag.

        Raises:
            LookupError: the key has no object, or one with another entity tag.
        """

    def in_parts(
        self,
        bucket: str,
        key: str,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
        replaces: str | None = None,
    ) -> AbstractContextManager[Parts]:
        """Store the parts from the block as one object; store nothing after an error.

        Args:
            replaces: the entity tag of the object that it may replace; None if the key must have no object.

        Raises:
            Taken: at the end of the block, if the key has an object that `replaces` does not name.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """A job's execution in Step Functions; times are ISO 8601 in UTC."""

    job_id: str
    status: JobStatus
    started: str
    ended: str | None = None
    input: Any = None
    output: Any = None
    error: str | None = None
    cause: str | None = None


class Executions(Protocol):
    """The executions of the job's state machine, by job id."""

    def start(self, job_id: str, request: Mapping[str, Any]) -> bool:
        """Start a job; return False if a job with this id was started before."""

    def describe(self, job_id: str) -> Execution | None:
        """Return a job; None if no job has this id."""

    def stop(self, job_id: str, *, reason: str) -> None:
        """Cancel a job; a job that has ended stays as it is.

        Raises:
            LookupError: no job has this id.
        """

    def list(self, *, limit: int) -> list[Execution]:
        """Return jobs without their input and output, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message that this worker leases; `receives` is how often it was received, this time included."""

    body: str
    receipt: str
    receives: int


class UnknownToken(Exception):
    """Step Functions does not know a task token: it is damaged or not registered yet. Its task may still run."""


class Tokens(Protocol):
    """The answers to task tokens."""

    def fail(self, token: str, *, error: str, cause: str) -> bool:
        """End a task as failed; return False if it has ended already.

        Raises:
            UnknownToken: Step Functions does not know the token.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """The three buckets of a farm."""

    scenes: str
    frames: str
    logs: str
