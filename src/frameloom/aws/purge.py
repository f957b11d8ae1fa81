"""Empties buckets and image repositories of any size: CloudFormation deletes only empty ones."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from frameloom.aws.clients import client
from frameloom.model.counts import counted
from frameloom.model.errors import FarmUnavailable

# The most objects in one DeleteObjects or one page of S3, and the most images in one BatchDeleteImage of ECR.
OBJECTS_AT_ONCE, IMAGES_AT_ONCE = 1000, 100
# Parallel requests: S3 accepts thousands of deletes a second for one prefix.
SIDE_BY_SIDE = 8
# The count stops here: to count a million frames would take minutes.
COUNTED = 100_000

_NO_BUCKET, _NO_REPOSITORY = "NoSuchBucket", "RepositoryNotFoundException"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Number and size in bytes of all versions in a bucket; `more` if the count stopped early."""

    objects: int
    size: int
    more: bool = False


def contents(bucket: str) -> Contents | None:
    """Return a bucket's contents; None if the bucket does not exist."""
    objects = size = 0
    try:
        for page in client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket):
            versions = page.get("Versions", [])
            objects += len(versions) + len(page.get("DeleteMarkers", []))
            size += sum(version["Size"] for version in versions)
            if objects >= COUNTED:
                return Contents(objects=objects, size=size, more=True)
    except ClientError as error:
        _raise_unless(error, _NO_BUCKET)
        return None
    return Contents(objects=objects, size=size)


def empty_bucket(bucket: str, report: Callable[[int], None] = lambda _: None) -> None:
    """Delete all versions of all objects, all delete markers and all incomplete uploads.

    Do nothing if the bucket does not exist. `report` receives the number of deleted versions so far.

    Raises:
        FarmUnavailable: S3 refuses to delete an object; the message has the reason.
    """
    deleted = 0
    try:
        _abort_uploads(bucket)
        with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="delete") as pool:
            # List from the start each time: an upload may complete before the current place in the listing.
            while batches := list(islice(_versions(bucket), SIDE_BY_SIDE)):
                deleted += sum(pool.map(partial(_delete, bucket), batches))
                report(deleted)
    except ClientError as error:
        _raise_unless(error, _NO_BUCKET)


def delete_bucket(bucket: str) -> None:
    """Delete an empty bucket; do nothing if it does not exist."""
    try:
        client("s3").delete_bucket(Bucket=bucket)
    except ClientError as error:
        _raise_unless(error, _NO_BUCKET)


def count_images(repository: str) -> int:
    """Return the number of images in a repository, each once per tag; 0 if the repository does not exist."""
    return len(_images(repository))


def empty_repository(repository: str) -> None:
    """Delete all images.

    Raises:
        FarmUnavailable: ECR refuses to delete an image; the message has the reason.
    """
    images = _images(repository)
    while images:
        failures = [
            failure
            for first in range(0, len(images), IMAGES_AT_ONCE)
            for failure in client("ecr").batch_delete_image(
                repositoryName=repository, imageIds=images[first : first + IMAGES_AT_ONCE]
            )["failures"]
        ]
        left = _images(repository)
        # An image index must be deleted before its images: the next round deletes those.
        if len(left) >= len(images):
            reason = failures[0]["failureReason"] if failures else "ECR gives no reason"
            raise FarmUnavailable(
                problem=f"ECR did not delete {counted(len(left), 'image')} of {repository}: {reason}."
            )
        images = left


def _versions(bucket: str) -> Iterator[list[dict[str, str]]]:
    """Yield all versions and delete markers, in batches for one request each."""
    for page in client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket):
        both = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        # A page of S3 has at most this many of both together; an emulator may count them separately.
        for first in range(0, len(both), OBJECTS_AT_ONCE):
            yield [
                {"Key": each["Key"], "VersionId": each["VersionId"]} for each in both[first : first + OBJECTS_AT_ONCE]
            ]


def _delete(bucket: str, batch: list[dict[str, str]]) -> int:
    answer = client("s3").delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
    if errors := answer.get("Errors"):
        first = errors[0]
        raise FarmUnavailable(
            problem=f"S3 did not delete {counted(len(errors), 'object')} of {bucket}, such as {first['Key']!r}: "
            f"{first['Message']}."
        )
    return len(batch)


def _abort_uploads(bucket: str) -> None:
    s3 = client("s3")
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", []):
            try:
                s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
            except ClientError as error:
                _raise_unless(error, "NoSuchUpload")


def _images(repository: str) -> list[dict[str, Any]]:
    try:
        pages = client("ecr").get_paginator("list_images").paginate(repositoryName=repository)
        return [image for page in pages for image in page["imageIds"]]
    except ClientError as error:
        _raise_unless(error, _NO_REPOSITORY)
        return []


def _raise_unless(error: ClientError, code: str) -> None:
    if error.response["Error"]["Code"] != code:
        raise error
