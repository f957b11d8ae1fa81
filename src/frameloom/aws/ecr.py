"""The worker's images, in the ECR repository of a farm's stack."""

import base64
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from frameloom.aws.clients import client
from frameloom.aws.stack import Stack
from frameloom.model.errors import FarmUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What a container engine logs in to a registry with; good for twelve hours."""

    registry: str
    user: str
    password: str = field(repr=False)


def repository_of(stack: Stack) -> str:
    """Return the URI of the repository that a stack keeps its worker images in.

    Raises:
        FarmUnavailable: it has none.
    """
    if stack.repository_uri is None:
        raise FarmUnavailable(
            problem=f"The stack {stack.name!r} has no repository for worker images: "
            "it has no output 'WorkerRepositoryUri'. Deploy it anew."
        )
    return stack.repository_uri


def log_in(repository: str) -> Login:
    """Return what logs in to the registry of a repository.

    Raises:
        FarmUnavailable: AWS gives no access.
    """
    try:
        (granted,) = client("ecr").get_authorization_token()["authorizationData"]
    except (BotoCoreError, ClientError) as error:
        raise FarmUnavailable(problem=f"AWS gives no access to {repository}: {error}") from error
    user, _, password = base64.b64decode(granted["authorizationToken"]).decode().partition(":")
    return Login(registry=repository.partition("/")[0], user=user, password=password)


def has_tag(repository: str, tag: str) -> bool:
    """Return whether a repository holds an image of this tag.

    Raises:
        FarmUnavailable: there is no such repository, or it cannot be read.
    """
    return any(tag in image.get("imageTags", ()) for image in _images(repository))


def holds(repository: str, image: str) -> bool:
    """Return whether a repository contains the image of a URI with a tag or a digest.

    Raises:
        FarmUnavailable: the repository does not exist, or cannot be read.
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


def newest_image(repository: str, blender: str) -> str | None:
    """Return the URI of the newest image that holds this version of Blender, None where there is none.

    Args:
        repository: its URI.
        blender: the full version, such as 4.5.15, which an image's tag begins with.

    Raises:
        FarmUnavailable: there is no such repository, or it cannot be read.
    """
    # With the dash: 5.0.1 is not 5.0.11.
    found = [
        (image["imagePushedAt"], tag)
        for image in _images(repository)
        for tag in image.get("imageTags", ())
        if tag.startswith(f"{blender}-")
    ]
    return f"{repository}:{max(found)[1]}" if found else None


def _images(repository: str) -> list[dict[str, Any]]:
    name = repository.partition("/")[2]
    try:
        pages = (
            client("ecr").get_paginator("describe_images").paginate(repositoryName=name, filter={"tagStatus": "TAGGED"})
        )
        return [image for page in pages for image in page["imageDetails"]]
    except (BotoCoreError, ClientError) as error:
        raise FarmUnavailable(problem=f"The image repository {name!r} cannot be read: {error}") from error
