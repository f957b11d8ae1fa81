"""S3 as the farm's store."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from frameloom.aws.clients import client
from frameloom.services.ports import StoredObject

# What S3 calls an object that is not there: HEAD has no body to name it in.
_ABSENT = {"NoSuchKey", "404", "NoSuchVersion"}


class S3Store:
    """Buckets in S3; see `frameloom.services.ports.Store`."""

    def __init__(self, s3: Any = None) -> None:
        self._s3 = client("s3") if s3 is None else s3

    def get(self, bucket: str, key: str) -> bytes | None:
        """Return an object's bytes, None where there is no such key."""
        try:
            data: bytes = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            _raise_unless_absent(error)
            return None
        return data

    def put(self, bucket: str, key: str, data: bytes, *, content_type: str = "application/octet-stream") -> None:
        """Store an object, whole, over what was there."""
        self._s3.put_object(Bucket=bucket, Key=key, Body=data, ContentType=content_type)

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """Return an object without its bytes, None where there is no such key."""
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
        """Yield what lies below `prefix` in the order of keys, from the first key after `after`."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, StartAfter=after)
        for page in pages:
            for found in page.get("Contents", []):
                yield StoredObject(key=found["Key"], size=found["Size"], etag=found["ETag"].strip('"'))

    def download(self, bucket: str, key: str, path: Path, *, version: str | None = None) -> None:
        """Write an object to `path`, in parallel parts where it is large.

        Raises:
            LookupError: there is no such object, or no such version of it.
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
        """Store a file's bytes, in parallel parts where it is large; it is there whole or not at all."""
        extra = {"ContentType": content_type, "Metadata": dict(metadata or {})}
        self._s3.upload_file(str(path), bucket, key, ExtraArgs=extra)


def _raise_unless_absent(error: ClientError) -> None:
    if error.response["Error"]["Code"] not in _ABSENT:
        raise error
