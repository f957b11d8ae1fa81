"""Objects that S3 is given in parts."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError


@contextmanager
def in_parts(s3: Any, bucket: str, key: str, *, content_type: str) -> Iterator["S3Parts"]:
    """Store an object of the parts that the block puts, whole, over what was there; none of it on any error.

    Where the process is killed in between, the bucket's lifecycle takes the parts away.
    """
    place = {"Bucket": bucket, "Key": key}
    upload = s3.create_multipart_upload(**place, ContentType=content_type, ChecksumAlgorithm="CRC32")
    place["UploadId"] = upload["UploadId"]
    parts = S3Parts(s3, place)
    try:
        yield parts
        s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts.in_order()})
    except BaseException:
        # The first error tells more than another one about what it left; the lifecycle's rule takes that away, too.
        with suppress(ClientError, BotoCoreError):
            s3.abort_multipart_upload(**place)
        raise


class S3Parts:
    """An upload in parts to `place`; see `frameloom.services.ports.Parts`."""

    def __init__(self, s3: Any, place: Mapping[str, str]) -> None:
        self._s3 = s3
        self._place = place
        self._stored: dict[int, dict[str, Any]] = {}

    def put(self, number: int, data: bytes) -> None:
        """Store a part, which S3 holds against its checksum."""
        answer = self._s3.upload_part(**self._place, PartNumber=number, Body=data, ChecksumAlgorithm="CRC32")
        named = {name: answer[name] for name in ("ETag", "ChecksumCRC32") if name in answer}
        self._stored[number] = {"PartNumber": number, **named}

    def in_order(self) -> list[dict[str, Any]]:
        """Return what S3 answered of each part."""
        return [answer for _, answer in sorted(self._stored.items())]
