"""`frameloom stack delete`: deletes a stack with its contents, and its frames only with --frames."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.eks.models import eks_backends
from moto.s3.models import s3_backends

from frameloom.aws import stack_deletion
from frameloom.aws.executions import JobExecutions
from frameloom.aws.purge import Contents, contents, empty_bucket
from frameloom.aws.stack_deletion import Failure
from tests.fleet_rig import CLUSTER, REGION, STACK, Rig, drop_stack, make_stack, outputs_of, push_image, rig
from tests.integration.test_fleet_delete import Answering


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Rig]:
    with rig(monkeypatch, capsys, tmp_path) as found:
        yield found


def fill(bucket: str, count: int) -> None:
    """Put objects into a bucket without HTTP, which would take milliseconds for each."""
    for number in range(count):
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(bucket, f"shot/{number // 2:06d}.png", b"frame")


def exists(bucket: str) -> bool:
    try:
        boto3.client("s3").head_bucket(Bucket=bucket)
    except ClientError:
        return False
    return True


def test_a_farm_is_deleted_and_its_frames_stay(farm: Rig) -> None:
    assert farm.deploy().code == 0
    outputs = outputs_of(STACK)
    s3 = boto3.client("s3")
    # The emulator ignores this setting in templates.
    s3.put_bucket_versioning(Bucket=outputs["ScenesBucketName"], VersioningConfiguration={"Status": "Enabled"})
    fill(outputs["ScenesBucketName"], 2400)
    for number in range(100):
        s3.delete_object(Bucket=outputs["ScenesBucketName"], Key=f"shot/{number:06d}.png")
    fill(outputs["LogBucketName"], 1200)
    fill(outputs["FramesBucketName"], 24)
    boto3.client("stepfunctions").start_execution(stateMachineArn=outputs["StateMachineArn"], name="shot-1")
    boto3.client("sqs").send_message(QueueUrl=outputs["ChunkQueueUrl"], MessageBody="chunk")
    ran = farm.run("stack", "delete", "--yes")
    assert ran.code == 0, ran.err
    shown = ran.err
    assert "  1 running job, 1 chunk in the queue" in shown
    assert f"  bucket {outputs['ScenesBucketName']} with 2,500 objects, 12.0 kB" in shown
    assert f"  image repository {STACK}-worker with 1 image" in shown
    assert f"  the fleet in the cluster {CLUSTER}, with 0 pods" in shown
    assert f"  the cluster {CLUSTER}, with everything that runs in it" in shown
    assert f"The frames stay: bucket {outputs['FramesBucketName']} with 12 objects, 60 bytes." in shown
    assert stack_deletion.status_of(STACK) is None
    assert not exists(outputs["ScenesBucketName"])
    assert not exists(outputs["LogBucketName"])
    assert exists(outputs["FramesBucketName"])
    assert f"kept in s3://{outputs['FramesBucketName']} (12 objects, 60 bytes)" in ran.out
    assert ("Namespace", "frameloom") not in farm.server.names()


@pytest.mark.usefixtures("farm")
def test_an_emptied_bucket_has_no_versions_markers_or_uploads() -> None:
    bucket, s3 = outputs_of(STACK)["ScenesBucketName"], boto3.client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    fill(bucket, 6)
    s3.delete_object(Bucket=bucket, Key="shot/000001.png")
    s3.create_multipart_upload(Bucket=bucket, Key="cut.blend")
    counts: list[int] = []
    empty_bucket(bucket, counts.append)
    assert counts == [7]
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    assert contents(bucket) == Contents(objects=0, size=0)
    empty_bucket(bucket, counts.append)
    empty_bucket("one-that-is-not-there", counts.append)
    assert contents("one-that-is-not-there") is None
    assert counts == [7]


@pytest.mark.usefixtures("farm")
def test_running_jobs_are_listed_and_stopped() -> None:
    machine = outputs_of(STACK)["StateMachineArn"]
    states = boto3.client("stepfunctions")
    job = states.start_execution(stateMachineArn=machine, name="shot-1")["executionArn"]
    executions = JobExecutions(machine)
    assert list(executions.running()) == ["shot-1"]
    executions.stop("shot-1", reason="The farm is being deleted.")
    assert list(executions.running()) == []
    assert states.describe_execution(executionArn=job)["status"] == "ABORTED"


def test_frames_are_deleted_with_the_option_frames(farm: Rig) -> None:
    outputs = outputs_of(STACK)
    fill(outputs["FramesBucketName"], 3)
    ran = farm.run("stack", "delete", "--frames", "--yes", "--json")
    assert ran.code == 0, ran.err
    assert not exists(outputs["FramesBucketName"])
    document = ran.json()
    assert document["frames"] == {"bucket": outputs["FramesBucketName"], "objects": 2, "size": 10, "kept": False}
    assert (document["stack"], document["images"], document["jobs_stopped"]) == (STACK, 1, 0)


def test_kept_frames_can_be_deleted_later(farm: Rig) -> None:
    outputs = outputs_of(STACK)
    fill(outputs["FramesBucketName"], 4)
    assert farm.run("stack", "delete", "--yes").code == 0
    ran = farm.run("stack", "delete", "--yes")
    assert (ran.code, ran.out) == (2, "")
    assert f"its frames are in s3://{outputs['FramesBucketName']} (2 objects, 10 bytes)" in ran.err
    assert exists(outputs["FramesBucketName"])
    ran = farm.run("stack", "delete", "--frames", "--yes")
    assert (ran.code, ran.out) == (0, f"The frames of the farm {STACK} were deleted.\n")
    assert not exists(outputs["FramesBucketName"])
    ran = farm.run("stack", "delete", "--frames", "--yes")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"frameloom: --stack: there is no stack '{STACK}', and no frames of a deleted one.\n"


def test_another_stack_stays_complete(farm: Rig) -> None:
    make_stack("other", FleetNamespace="others")
    push_image("other-worker", "4.5.15-0a1b2c3d4e5f")
    other = outputs_of("other")
    for output in ("ScenesBucketName", "LogBucketName", "FramesBucketName"):
        fill(other[output], 2)
    assert farm.run("stack", "delete", "--frames", "--yes").code == 0
    assert stack_deletion.status_of("other") == "CREATE_COMPLETE"
    for output in ("ScenesBucketName", "LogBucketName", "FramesBucketName"):
        assert boto3.client("s3").list_objects_v2(Bucket=other[output])["KeyCount"] == 1
    assert len(boto3.client("ecr").list_images(repositoryName="other-worker")["imageIds"]) == 1


def test_without_a_terminal_nothing_is_deleted(farm: Rig) -> None:
    ran = farm.run("stack", "delete")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("frameloom: --yes: is required without a terminal")
    assert stack_deletion.status_of(STACK) == "CREATE_COMPLETE"


@pytest.mark.parametrize(("answer", "code"), [(STACK, 0), ("y", 2), ("", 2)])
def test_on_a_terminal_only_the_stacks_name_confirms(
    farm: Rig, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr("sys.stdin", Answering(answer))
    ran = farm.run("stack", "delete")
    assert ran.code == code, ran.err
    assert "Type the stack's name to delete this for good:" in ran.err
    assert (stack_deletion.status_of(STACK) is None) == (code == 0)


def test_an_unreachable_cluster_of_the_stack_is_deleted(farm: Rig) -> None:
    eks_backends[DEFAULT_ACCOUNT_ID][REGION].clusters[CLUSTER].endpoint = "http://127.0.0.1:9"
    ran = farm.run("stack", "delete", "--yes")
    assert ran.code == 0, ran.err
    assert f"frameloom: The cluster {CLUSTER} cannot be reached" in ran.err
    assert "The fleet will be deleted with the cluster." in ran.err


def test_an_unreachable_shared_cluster_stops_the_deletion(farm: Rig) -> None:
    drop_stack(STACK)
    make_stack(STACK, Cluster="existing")
    eks_backends[DEFAULT_ACCOUNT_ID][REGION].clusters[CLUSTER].endpoint = "http://127.0.0.1:9"
    ran = farm.run("stack", "delete", "--yes")
    assert (ran.code, ran.out) == (1, "")
    assert "would stay in that cluster: nothing was deleted." in ran.err
    assert stack_deletion.status_of(STACK) == "CREATE_COMPLETE"


def test_an_interrupted_deletion_continues(farm: Rig) -> None:
    outputs = outputs_of(STACK)
    boto3.client("eks").delete_cluster(name=CLUSTER)
    boto3.client("s3").delete_bucket(Bucket=outputs["LogBucketName"])
    boto3.client("sqs").delete_queue(QueueUrl=outputs["ChunkQueueUrl"])
    fill(outputs["ScenesBucketName"], 2)
    found = farm.run("stack", "delete", "--yes")
    # The emulator fails to delete a missing resource, where CloudFormation continues. All steps before are done.
    assert "Looking for the fleet" in found.err
    assert f"Emptying {outputs['ScenesBucketName']}" in found.err
    assert "versions" not in json.dumps(found.out)


def test_a_failed_deletion_names_the_resource_and_the_reason(farm: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Failure(resource="LogQueue", type="AWS::SQS::Queue", reason="It is in use.")
    monkeypatch.setattr(stack_deletion, "delete_stack", lambda *_: [queue])
    ran = farm.run("stack", "delete", "--yes")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines()[-1] == (
        f"frameloom: The stack {STACK} is not deleted: LogQueue (AWS::SQS::Queue): It is in use. "
        "Run the same command again to retry."
    )


def test_a_bucket_that_gets_objects_meanwhile_is_emptied_again(farm: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs, really, rounds = outputs_of(STACK), stack_deletion.delete_stack, []

    def meanwhile(stack: str, report: Callable[[str], None]) -> list[Failure]:
        rounds.append(stack)
        if len(rounds) == 1:
            fill(outputs["LogBucketName"], 2)
            return [Failure(resource="LogBucket", type=stack_deletion.BUCKET, reason="The bucket is not empty.")]
        return really(stack, report)

    monkeypatch.setattr(stack_deletion, "delete_stack", meanwhile)
    assert farm.run("stack", "delete", "--yes").code == 0
    assert len(rounds) == 2
    assert not exists(outputs["LogBucketName"])


def test_a_foreign_stack_is_not_deleted(farm: Rig) -> None:
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    boto3.client("cloudformation").create_stack(StackName="web", TemplateBody=json.dumps(template))
    ran = farm.run("stack", "delete", "--yes", stack="web")
    assert (ran.code, ran.out) == (1, "")
    assert "The stack 'web' is no Frameloom farm" in ran.err
    assert stack_deletion.status_of("web") == "CREATE_COMPLETE"
