"""Multipart uploads to S3."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from frameloom.services.storage.ports import Taken

# The condition is not met, another write was in progress, or the object to be replaced is gone. Source: Amazon S3 user
# guide, "How to prevent object overwrites with conditional writes".
_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})


@contextmanager
def in_parts(
    s3: Any, bucket: str, key: str, *, content_type: str, metadata: Mapping[str, str], replaces: str | None
) -> Iterator["S3Parts"]:
    """Store the parts that the block puts as one object; on an error, store nothing.

    If the process is killed in between, the bucket's lifecycle rule deletes the parts.

    Raises:
        Taken: at the end of the block, if `key` has an object that `replaces` does not name.
    """
    place = {"Bucket": bucket, "Key": key}
    upload = s3.create_multipart_upload(
        **place, ContentType=content_type, Metadata=dict(metadata), ChecksumAlgorithm="CRC32"
    )
    place["UploadId"] = upload["UploadId"]
    parts = S3Parts(s3, place)
    condition = {"IfNoneMatch": "*"} if replaces is None else {"IfMatch": replaces}
    try:
        yield parts
        s3.complete_multipart_upload(**place, **condition, MultipartUpload={"Parts": parts.in_order()})
    except BaseException as error:
        # Raise the first error, not that of the abort. The lifecycle rule deletes parts that remain.
        with suppress(ClientError, BotoCoreError):
            s3.abort_multipart_upload(**place)
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in _TAKEN:
            raise Taken(key) from error
        raise


class S3Parts:
    """A multipart upload; see `frameloom.services.storage.ports.Parts`."""

    def __init__(self, s3: Any, place: Mapping[str, str]) -> None:
        self._s3 = s3
        self._place = place
        self._stored: dict[int, dict[str, Any]] = {}

    def put(self, number: int, data: bytes) -> None:
        """Upload a part; S3 verifies its checksum."""
        answer = self._s3.upload_part(**self._place, PartNumber=number, Body=data, ChecksumAlgorithm="CRC32")
        named = {name: answer[name] for name in ("ETag", "ChecksumCRC32") if name in answer}
        self._stored[number] = {"PartNumber": number, **named}

    def in_order(self) -> list[dict[str, Any]]:
        """Return the response of S3 for each part, by part number."""
        return [answer for _, answer in sorted(self._stored.items())]
