"""Worker images in the ECR repository of a farm's stack."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from frameloom.aws.clients import client
from frameloom.aws.stack import Stack
from frameloom.model.errors import FarmUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Credentials with which a container engine logs in to a registry, for twelve hours."""

    registry: str
    user: str
    password: str = field(repr=False)


def repository_of(stack: Stack) -> str:
    """Return the URI of the stack's repository for worker images.

    Raises:
        FarmUnavailable: the stack lacks a repository.
    """
    if stack.repository_uri is None:
        raise FarmUnavailable(
            problem=f"The stack {stack.name!r} has no repository for worker images: "
            "it has no output 'WorkerRepositoryUri'. Deploy the stack again."
        )
    return stack.repository_uri


def log_in(repository: str) -> Login:
    """Return credentials for the registry of a repository.

    Raises:
        FarmUnavailable: AWS refuses access.
    """
    try:
        (granted,) = client("ecr").get_authorization_token()["authorizationData"]
    except (BotoCoreError, ClientError) as error:
        raise FarmUnavailable(problem=f"AWS refuses access to {repository}: {error}") from error
    user, _, password = base64.b64decode(granted["authorizationToken"]).decode().partition(":")
    return Login(registry=repository.partition("/")[0], user=user, password=password)


def has_image(repository: str, image: str) -> bool:
    """Return whether a repository contains the image of a URI with a tag or a digest.

    Raises:
        FarmUnavailable: the repository does not exist or cannot be read.
    """
    tag, _, digest = image.removeprefix(repository).partition("@")
    # With both, Kubernetes pulls by the digest.
    wanted = {"imageDigest": digest} if digest else {"imageTag": tag[1:]}
    name = repository.partition("/")[2]
    try:
        client("ecr").describe_images(repositoryName=name, imageIds=[wanted])
    except client("ecr").exceptions.ImageNotFoundException:
        return False
    except (BotoCoreError, ClientError) as error:
        raise FarmUnavailable(problem=f"The image repository {name!r} cannot be read: {error}") from error
    return True


def newest_image(repository: str, blenders: Iterable[str]) -> str | None:
    """Return the URI of the newest image with these versions of Blender, or more; None without such an image.

    Args:
        repository: the repository's URI.
        blenders: full versions, such as 4.5.15.

    Raises:
        FarmUnavailable: the repository does not exist or cannot be read.
    """
    wanted = frozenset(blenders)
    found = [
        (image["imagePushedAt"], tag)
        for image in _images(repository)
        for tag in image.get("imageTags", ())
        if wanted <= tagged_blenders(tag)
    ]
    return f"{repository}:{max(found)[1]}" if found else None


def image_tag(blenders: Sequence[str], digest: str) -> str:
    """Return the tag of an image: its versions of Blender, and a digest of its contents."""
    return f"{'_'.join(blenders)}-{digest}"


def tagged_blenders(tag: str) -> frozenset[str]:
    """Return the full versions of Blender in a tag of `image_tag`: 4.5.15 and 5.0.1 in `4.5.15_5.0.1-0a1b2c3d4e5f`."""
    return frozenset(tag.rpartition("-")[0].split("_"))


def _images(repository: str) -> list[dict[str, Any]]:
    name = repository.partition("/")[2]
    try:
        pages = (
            client("ecr").get_paginator("describe_images").paginate(repositoryName=name, filter={"tagStatus": "TAGGED"})
        )
        return [image for page in pages for image in page["imageDetails"]]
    except (BotoCoreError, ClientError) as error:
        raise FarmUnavailable(problem=f"The image repository {name!r} cannot be read: {error}") from error
