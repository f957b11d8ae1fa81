"""Buckets and image repositories emptied, however much they hold: CloudFormation deletes none that holds anything."""

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

# What S3 takes in one DeleteObjects and lists in one page; what ECR takes in one BatchDeleteImage.
OBJECTS_AT_ONCE, IMAGES_AT_ONCE = 1000, 100
# Requests side by side: S3 takes thousands of deletes a second below one prefix.
SIDE_BY_SIDE = 8
# Counting goes no further: a million frames would take minutes to be counted, and are to be deleted anyway.
COUNTED = 100_000

_NO_BUCKET, _NO_REPOSITORY = "NoSuchBucket", "RepositoryNotFoundException"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a bucket holds, all versions counted; `size` in bytes, `more` where the count was given up."""

    objects: int
    size: int
    more: bool = False


def contents(bucket: str) -> Contents | None:
    """Return what a bucket holds, None where there is no such bucket."""
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


def empty_bucket(bucket: str, tell: Callable[[int], None] = lambda _: None) -> None:
    """Delete every version of every object, every delete marker and every upload that was never completed.

    A bucket that is gone is empty. `tell` is given the number deleted so far.

    Raises:
        FarmUnavailable: S3 keeps an object, and why.
    """
    deleted = 0
    try:
        _abort_uploads(bucket)
        with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="delete") as pool:
            # Listed from the beginning each time, until there is nothing: an upload may end behind a listing's back.
            while batches := list(islice(_versions(bucket), SIDE_BY_SIDE)):
                deleted += sum(pool.map(partial(_delete, bucket), batches))
                tell(deleted)
    except ClientError as error:
        _raise_unless(error, _NO_BUCKET)


def delete_bucket(bucket: str) -> None:
    """Delete an empty bucket; one that is gone stays gone."""
    try:
        client("s3").delete_bucket(Bucket=bucket)
    except ClientError as error:
        _raise_unless(error, _NO_BUCKET)


def count_images(repository: str) -> int:
    """Return how many images a repository holds, a tagged one once for each tag; none where it is gone."""
    return len(_images(repository))


def empty_repository(repository: str) -> None:
    """Delete every image.

    Raises:
        FarmUnavailable: ECR keeps one, and why.
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
        # An image that another one lists goes in the next round, after that one.
        if len(left) >= len(images):
            reason = failures[0]["failureReason"] if failures else "it does not say why"
            raise FarmUnavailable(problem=f"The repository {repository} keeps {counted(len(left), 'image')}: {reason}.")
        images = left


def _versions(bucket: str) -> Iterator[list[dict[str, str]]]:
    """Yield all versions and delete markers, in batches that one request can delete."""
    for page in client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket):
        both = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        # S3 says that a page holds at most so many of both together; an emulator may count them apart.
        for first in range(0, len(both), OBJECTS_AT_ONCE):
            yield [
                {"Key": each["Key"], "VersionId": each["VersionId"]} for each in both[first : first + OBJECTS_AT_ONCE]
            ]


def _delete(bucket: str, batch: list[dict[str, str]]) -> int:
    answer = client("s3").delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
    if errors := answer.get("Errors"):
        first = errors[0]
        raise FarmUnavailable(
            problem=f"S3 keeps {counted(len(errors), 'object')} of {bucket}, {first['Key']!r} among them: "
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
