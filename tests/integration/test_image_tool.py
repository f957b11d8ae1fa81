"""`make image`, with a container engine that only records its calls, and moto for AWS."""

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tools import image

# Writes the arguments of each call to a file, and a password from its input to another.
ENGINE = """#!/bin/sh
echo "$*" >>"$ENGINE_CALLS"
case "$1" in
    "$ENGINE_FAILS") echo "Cannot connect to the Docker daemon" >&2; exit 1;;
    login) cat >"$ENGINE_CALLS.password";;
    build) echo "$BUILDX_NO_DEFAULT_ATTESTATIONS" >"$ENGINE_CALLS.no-attestations";;
esac
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An engine that builds nothing."""

    calls: Path
    password: Path

    def calls_made(self) -> list[str]:
        """Return the arguments of each call, without calls of `version`."""
        lines = self.calls.read_text(encoding="utf-8").splitlines() if self.calls.exists() else []
        return [line for line in lines if not line.startswith("version")]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    script = tmp_path / "bin/docker"
    script.parent.mkdir()
    script.write_text(ENGINE, encoding="utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("ENGINE_CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("ENGINE_FAILS", "nothing")
    return Engine(calls=tmp_path / "calls", password=tmp_path / "calls.password")


@pytest.fixture
def repository() -> Iterator[str]:
    """The repository of the stack 'farm'."""
    with mock_aws():
        made: str = boto3.client("ecr").create_repository(repositoryName="workers")["repository"]["repositoryUri"]
        make_stack("farm", WorkerRepositoryUri=made)
        make_stack("bare")
        yield made


def make_stack(name: str, **outputs: str) -> None:
    """Deploy a stack with these outputs, in addition to those of every farm."""
    names = ("ScenesBucketName", "FramesBucketName", "LogBucketName", "ChunkQueueUrl", "ChunkDeadLetterQueueUrl")
    values = dict.fromkeys([*names, "StateMachineArn"], "something") | {"BlenderVersions": "4.5.15"} | outputs
    template: dict[str, Any] = {
        "Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}},
        "Outputs": {name: {"Value": value} for name, value in values.items()},
    }
    boto3.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))


def put_image(tag: str) -> None:
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"size": 1, "digest": "sha256:config"},
        "layers": [],
    }
    boto3.client("ecr").put_image(repositoryName="workers", imageManifest=json.dumps(manifest), imageTag=tag)


def test_an_image_is_built_for_the_only_platform_that_blender_has(
    engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    assert image.main(["4.5"]) == 0
    (built,) = engine.calls_made()
    assert built.startswith("build --platform linux/amd64 --file worker/Dockerfile ")
    assert "--build-arg BLENDER_4_5=4.5.15 --build-arg BLENDER_5_0= --build-arg BLENDER_VERSIONS=4.5.15 " in built
    assert "BASE_IMAGE" not in built
    assert capfd.readouterr().out == f"frameloom-worker:{image.pick(['4.5']).tag}\n"


def test_an_image_may_have_several_blenders(engine: Engine) -> None:
    assert image.main(["5.0", "4.5"]) == 0
    (built,) = engine.calls_made()
    assert f"--tag frameloom-worker:{image.pick(['4.5', '5.0']).tag} " in built
    assert "--build-arg BLENDER_4_5=4.5.15 --build-arg BLENDER_5_0=5.0.1 " in built
    assert "--build-arg BLENDER_VERSIONS=4.5.15 5.0.1 " in built


def test_a_build_is_one_artefact_with_any_engine(engine: Engine) -> None:
    """BuildKit reads the variable; an engine without buildx would refuse the option `--provenance`."""
    assert image.main(["4.5"]) == 0
    assert engine.calls.with_name("calls.no-attestations").read_text(encoding="utf-8") == "1\n"
    assert "--provenance" not in engine.calls_made()[0]


def test_another_base_and_a_network_reach_the_engine(engine: Engine) -> None:
    assert image.main(["5.0", "--base", "mine:1", "--network", "host"]) == 0
    (built,) = engine.calls_made()
    assert "--network host" in built
    assert "--build-arg BASE_IMAGE=mine:1" in built


def test_a_stacks_repository_gets_the_image_under_its_tag(
    engine: Engine, repository: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert image.main(["4.5", "--stack", "farm"]) == 0
    tag = image.pick(["4.5"]).tag
    _, login, named, pushed = engine.calls_made()
    host = repository.partition("/")[0]
    assert login == f"login --username AWS --password-stdin {host}"
    assert named == f"tag frameloom-worker:{tag} {repository}:{tag}"
    assert pushed == f"push {repository}:{tag}"
    assert capfd.readouterr().out == f"{repository}:{tag}\n"


@pytest.mark.usefixtures("repository")
def test_the_password_is_not_an_argument(engine: Engine) -> None:
    image.main(["4.5", "--stack", "farm"])
    password = engine.password.read_text(encoding="utf-8")
    assert password
    assert all(password not in line for line in engine.calls_made())


def test_an_existing_image_is_neither_built_nor_pushed_again(
    engine: Engine, repository: str, capfd: pytest.CaptureFixture[str]
) -> None:
    tag = image.pick(["4.5"]).tag
    put_image(tag)
    assert image.main(["4.5", "--stack", "farm"]) == 0
    assert engine.calls_made() == []
    assert capfd.readouterr().out == f"{repository}:{tag}\n"


@pytest.mark.usefixtures("repository")
def test_an_image_that_the_stacks_fleet_refuses_is_pushed_with_a_warning(
    engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    assert image.main(["5.0", "--stack", "farm"]) == 0
    assert engine.calls_made()[-1].startswith("push ")
    assert "The stack 'farm' renders with Blender 4.5.15" in capfd.readouterr().err


@pytest.mark.usefixtures("repository", "engine")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["2.79"], "There is no image with Blender '2.79': the Blenders are 4.5 (4.5.15), 5.0 (5.0.1).\n"),
        (["4.5", "--stack", "bare"], "The stack 'bare' has no repository for worker images: it has no output"),
        (["4.5", "--stack", "nothing"], "The stack 'nothing' cannot be read: "),
    ],
)
def test_what_cannot_be_is_one_sentence(arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert image.main(arguments) == 1
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(said)
    assert captured.err.count("\n") == 1


def test_a_machine_without_an_engine_gets_an_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert image.main(["4.5"]) == 1
    assert capfd.readouterr().err.startswith("There is no container engine here: install Docker")


@pytest.mark.usefixtures("engine")
def test_the_error_of_an_engine_that_does_not_answer_is_shown(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENGINE_FAILS", "version")
    assert image.main(["4.5"]) == 1
    said = capfd.readouterr().err
    assert said == "The container engine does not answer: Cannot connect to the Docker daemon\n"


@pytest.mark.usefixtures("repository", "engine")
@pytest.mark.parametrize(
    ("step", "said"), [("build", "build frameloom-worker:"), ("push", "push "), ("login", "log in")]
)
def test_a_failing_engine_ends_the_command_with_its_step(
    step: str, said: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENGINE_FAILS", step)
    assert image.main(["4.5", "--stack", "farm"]) == 1
    captured = capfd.readouterr()
    assert captured.out == ""
    assert f"The container engine could not {said}" in captured.err


def test_a_checkout_without_git_has_no_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert image.revision() == ""
