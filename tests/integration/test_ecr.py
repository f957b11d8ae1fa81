"""Images in a stack's ECR repository."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from frameloom.aws import ecr
from frameloom.aws.stack import Stack
from frameloom.model.errors import FarmUnavailable
from frameloom.services.storage.ports import Buckets

URI = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/farm-workers"


@pytest.fixture
def repository() -> Iterator[str]:
    """The URI of an empty repository."""
    with mock_aws():
        made: str = boto3.client("ecr").create_repository(repositoryName="farm-workers")["repository"]["repositoryUri"]
        yield made


def push(repository: str, tag: str) -> None:
    """Push a unique image to a repository."""
    layers = [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": 1, "digest": f"sha256:{tag}"}]
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"size": 1, "digest": f"sha256:config-{tag}"},
        "layers": layers,
    }
    boto3.client("ecr").put_image(
        repositoryName=repository.partition("/")[2], imageManifest=json.dumps(manifest), imageTag=tag
    )


def answer(monkeypatch: pytest.MonkeyPatch, *pages: list[dict[str, Any]]) -> Stubber:
    """Make ECR return images in these pages."""
    client = boto3.client("ecr")
    stubber = Stubber(client)
    asked: dict[str, Any] = {"repositoryName": "farm-workers", "filter": {"tagStatus": "TAGGED"}}
    for number, images in enumerate(pages, 1):
        token = {} if number == 1 else {"nextToken": f"page-{number}"}
        following = {} if number == len(pages) else {"nextToken": f"page-{number + 1}"}
        stubber.add_response("describe_images", {"imageDetails": images, **following}, asked | token)
    monkeypatch.setattr(ecr, "client", lambda _: client)
    stubber.activate()
    return stubber


def image(*tags: str, age: int) -> dict[str, Any]:
    """Return an image in the format of ECR, pushed `age` hours ago."""
    pushed = datetime(2026, 11, 25, tzinfo=UTC) - timedelta(hours=age)
    return {"imageTags": list(tags), "imagePushedAt": pushed, "imageDigest": f"sha256:{age}"}


def test_an_empty_repository_has_no_image(repository: str) -> None:
    assert ecr.newest_image(repository, ["4.5.15"]) is None
    assert not ecr.has_image(repository, f"{repository}:4.5.15-0a1b2c3d4e5f")


def test_an_image_is_found_by_its_version_of_blender_and_by_its_tag(repository: str) -> None:
    push(repository, "4.5.15-0a1b2c3d4e5f")
    push(repository, "5.0.1-0a1b2c3d4e5f")
    assert ecr.newest_image(repository, ["4.5.15"]) == f"{repository}:4.5.15-0a1b2c3d4e5f"
    assert ecr.has_image(repository, f"{repository}:5.0.1-0a1b2c3d4e5f")
    assert not ecr.has_image(repository, f"{repository}:5.0.1")


def test_the_newest_image_is_the_one_pushed_last_on_any_page(monkeypatch: pytest.MonkeyPatch) -> None:
    old, other = image("4.5.15-ffffffffffff", age=9), image("5.0.1-aaaaaaaaaaaa", age=1)
    new, untagged = image("latest", "4.5.15-000000000000", age=2), image(age=0)
    del untagged["imageTags"]
    answers = answer(monkeypatch, [new, other], [untagged, old])
    assert ecr.newest_image(URI, ["4.5.15"]) == f"{URI}:4.5.15-000000000000"
    answers.assert_no_pending_responses()


def test_a_longer_version_with_the_same_start_does_not_match(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, [image("5.0.11-000000000000", age=1)])
    assert ecr.newest_image(URI, ["5.0.1"]) is None


def test_an_image_may_have_more_blenders_than_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the fleet gets the new Blender first, and the stack assigns jobs to it afterwards."""
    both = ecr.image_tag(["4.5.15", "5.0.1"], "000000000000")
    images = [image(both, age=1), image("5.0.1-000000000000", age=0)]
    for wanted, found in {
        ("4.5.15",): f"{URI}:{both}",
        ("4.5.15", "5.0.1"): f"{URI}:{both}",
        ("5.0.1",): f"{URI}:5.0.1-000000000000",
        ("4.5.15", "5.1.0"): None,
    }.items():
        answer(monkeypatch, images)
        assert ecr.newest_image(URI, wanted) == found


def test_a_missing_repository_is_named(repository: str) -> None:
    with pytest.raises(FarmUnavailable, match=r"^The image repository 'other' cannot be read: "):
        ecr.newest_image(repository.replace("farm-workers", "other"), ["4.5.15"])


def test_an_engine_logs_in_to_the_repositorys_registry_and_the_password_is_never_shown(repository: str) -> None:
    login = ecr.log_in(repository)
    assert login.registry == "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
    assert login.user == "AWS"
    assert login.password
    assert login.password not in repr(login)


def stack(*, repository_uri: str | None) -> Stack:
    return Stack(
        name="farm",
        buckets=Buckets(scenes="scenes", frames="frames", logs="logs"),
        chunk_queue="chunks",
        dead_letter_queue="lost",
        machine="machine",
        blenders=("4.5.15",),
        repository_uri=repository_uri,
    )


def test_a_stack_has_a_repository() -> None:
    assert ecr.repository_of(stack(repository_uri=URI)) == URI


def test_a_stack_without_a_repository_is_refused() -> None:
    with pytest.raises(FarmUnavailable, match="The stack 'farm' has no repository for worker images"):
        ecr.repository_of(stack(repository_uri=None))


def test_refused_access_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    client = boto3.client("ecr")
    stubber = Stubber(client)
    stubber.add_client_error("get_authorization_token", "AccessDeniedException", "no")
    stubber.activate()
    monkeypatch.setattr(ecr, "client", lambda _: client)
    with pytest.raises(FarmUnavailable, match=f"^AWS refuses access to {URI}: "):
        ecr.log_in(URI)
