"""Farms, found by the outputs of their stacks."""

import json

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from frameloom.aws import clients
from frameloom.aws.stack import find_stack, stack_of
from frameloom.model.errors import FarmUnavailable
from tests.fleet_rig import CLUSTER, KEDA_ROLE, make_stack, outputs_of

OUTPUTS = {
    "ScenesBucketName": "scenes",
    "FramesBucketName": "frames",
    "LogBucketName": "logs",
    "ChunkQueueUrl": "https://sqs/chunks",
    "ChunkDeadLetterQueueUrl": "https://sqs/dead",
    "StateMachineArn": "arn:machine",
    "BlenderVersions": "4.5.15",
}


def deploy(outputs: dict[str, str]) -> None:
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    boto3.client("cloudformation").create_stack(StackName="farm", TemplateBody=json.dumps(template))


@pytest.mark.usefixtures("aws")
def test_a_farm_is_found_by_the_outputs_of_its_stack() -> None:
    deploy(OUTPUTS | {"Another": "x"})
    stack = find_stack("farm")
    assert (stack.buckets.scenes, stack.buckets.frames, stack.buckets.logs) == ("scenes", "frames", "logs")
    assert (stack.chunk_queue, stack.dead_letter_queue) == ("https://sqs/chunks", "https://sqs/dead")
    assert (stack.machine, stack.blenders) == ("arn:machine", ("4.5.15",))


def test_a_stack_of_the_first_release_has_one_blender() -> None:
    outputs = {name: value for name, value in OUTPUTS.items() if name != "BlenderVersions"}
    assert stack_of(outputs | {"BlenderVersion": "4.5.15"}, name="farm").blenders == ("4.5.15",)
    assert stack_of(outputs | {"BlenderVersions": "4.5.15 5.0.1"}, name="farm").blenders == ("4.5.15", "5.0.1")


@pytest.mark.parametrize("missing", sorted(OUTPUTS))
def test_a_foreign_stack_is_refused_with_the_missing_output(missing: str) -> None:
    outputs = {name: value for name, value in OUTPUTS.items() if name != missing}
    with pytest.raises(FarmUnavailable, match=rf"'farm' is no Frameloom farm: it has no output '{missing}'"):
        stack_of(outputs, name="farm")


@pytest.mark.usefixtures("aws")
def test_a_missing_stack_is_refused_by_name() -> None:
    with pytest.raises(FarmUnavailable, match="'farm'"):
        find_stack("farm")


def test_an_unreachable_aws_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(clients, "CONFIG", Config(retries={"total_max_attempts": 1}))
    with pytest.raises(FarmUnavailable, match=r"127\.0\.0\.1:9"):
        find_stack("farm")


@pytest.mark.parametrize(
    ("cluster", "named", "owned", "role"),
    [("create", CLUSTER, True, KEDA_ROLE), ("existing", CLUSTER, False, KEDA_ROLE), ("none", None, False, None)],
)
def test_a_stack_has_its_cluster_and_whether_it_owns_it(
    *, cluster: str, named: str | None, owned: bool, role: str | None
) -> None:
    with mock_aws():
        make_stack("farm", Cluster=cluster, FleetNamespace="renders")
        stack = find_stack("farm")
        outputs = outputs_of("farm")
    assert (stack.cluster, stack.owns_cluster, stack.keda_role) == (named, owned, role)
    assert (stack.name, stack.namespace, stack.region) == ("farm", "renders", "eu-central-1")
    assert (stack.log_queue, stack.repository_uri) == (outputs["LogQueueUrl"], outputs["WorkerRepositoryUri"])
    assert stack.buckets.frames == outputs["FramesBucketName"]
