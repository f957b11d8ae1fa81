"""The farm's store in S3."""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from frameloom.aws.clients import client
from frameloom.aws.fast_listing import read_listings
from frameloom.aws.multipart import in_parts
from frameloom.model.backoff import delays
from frameloom.services.storage.ports import Parts, StoredObject

# Error codes for a missing object; a response to HEAD has only the HTTP status.
_ABSENT = frozenset({"NoSuchKey", "404", "NoSuchVersion"})
_CHANGED = frozenset({"PreconditionFailed", "412"})
# Attempts to read a body that breaks off, and limits of the delays between them, in seconds.
ATTEMPTS = 3
_FIRST_DELAY, _LONGEST_DELAY = 0.2, 2.0
_CUT_OFF = (HTTPClientError, IncompleteReadError)


class S3Store:
    """Buckets in S3; see `frameloom.services.storage.ports.Store`."""

    def __init__(self, s3: Any = None) -> None:
        self._s3 = client("s3") if s3 is None else s3
        read_listings(self._s3)

    def get(self, bucket: str, key: str) -> bytes | None:
        """Return an object's bytes; None if the key does not exist."""
        try:
            return self._body(Bucket=bucket, Key=key)
        except ClientError as error:
            _raise_unless_absent(error)
            return None

    def read(self, bucket: str, key: str, *, start: int, length: int, etag: str) -> bytes:
        """Return a range of an object's bytes, from the version with this entity tag.

        Raises:
            LookupError: the object does not exist, or has changed.
        """
        try:
            return self._body(Bucket=bucket, Key=key, Range=f"bytes={start}-{start + length - 1}", IfMatch=etag)
        except ClientError as error:
            _raise_unless_absent(error, _ABSENT | _CHANGED)
            raise LookupError(f"{key!r} in bucket {bucket!r} was deleted or has changed") from error

    def _body(self, **request: str) -> bytes:
        pauses = islice(delays(first=_FIRST_DELAY, longest=_LONGEST_DELAY), ATTEMPTS - 1)
        while True:
            answer = self._s3.get_object(**request)
            try:
                data: bytes = answer["Body"].read()
            except _CUT_OFF:
                # boto3 itself retries a request only until it has the headers.
                pause = next(pauses, None)
                if pause is None:
                    raise
                time.sleep(pause)
            else:
                return data

    def put(self, bucket: str, key: str, data: bytes, *, content_type: str = "application/octet-stream") -> None:
        """Store an object, and replace an existing one."""
        self._s3.put_object(Bucket=bucket, Key=key, Body=data, ContentType=content_type)

    def in_parts(
        self,
        bucket: str,
        key: str,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
        replaces: str | None = None,
    ) -> AbstractContextManager[Parts]:
        """Store the parts that the block puts as one object; on an error, store nothing.

        Raises:
            Taken: at the end of the block, if `key` has an object that `replaces` does not name.
        """
        return in_parts(self._s3, bucket, key, content_type=content_type, metadata=metadata or {}, replaces=replaces)

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """Return an object's properties; None if the key does not exist."""
        try:
            found = self._s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            _raise_unless_absent(error)
            return None
        return StoredObject(
            key=key,
            size=found["ContentLength"],
            version=found.get("VersionId"),
            etag=found["ETag"].strip('"'),
            metadata=found.get("Metadata", {}),
        )

    def list(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        """Yield the objects below `prefix` in the order of keys, starting after the key `after`."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, StartAfter=after)
        for page in pages:
            for found in page.get("Contents", []):
                yield StoredObject(key=found["Key"], size=found["Size"], etag=found["ETag"].strip('"'))

    def download(self, bucket: str, key: str, path: Path, *, version: str | None = None) -> None:
        """Download an object to `path`, a large one in parallel parts.

        Raises:
            LookupError: the object or the version does not exist.
        """
        extra = {} if version is None else {"VersionId": version}
        try:
            self._s3.download_file(bucket, key, str(path), ExtraArgs=extra)
        except ClientError as error:
            _raise_unless_absent(error)
            raise LookupError(f"there is no {key!r} in bucket {bucket!r}") from error

    def upload(
        self,
        path: Path,
        bucket: str,
        key: str,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Upload a file, a large one in parallel parts; the object appears only when it is complete."""
        extra = {"ContentType": content_type, "Metadata": dict(metadata or {})}
        self._s3.upload_file(str(path), bucket, key, ExtraArgs=extra)


def _raise_unless_absent(error: ClientError, codes: frozenset[str] = _ABSENT) -> None:
    if error.response["Error"]["Code"] not in codes:
        raise error
