"""`frameloom stack list` with an emulated account."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws
from moto.cloudformation.models import cloudformation_backends
from moto.core import DEFAULT_ACCOUNT_ID

from frameloom.aws import executions, stack
from frameloom.aws.stack import DESCRIPTION, list_stacks
from frameloom.cli import main
from tests.fleet_rig import REGION, Ran, make_stack, outputs_of

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
FAILED = FOREIGN | {"Description": f"{DESCRIPTION} - of a test."}


@pytest.fixture(autouse=True)
def _account() -> Iterator[None]:
    """An empty account."""
    with mock_aws():
        yield


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> "Run":
    return Run(capsys)


class Run:
    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *words: str) -> Ran:
        code = main(["stack", "list", *words])
        out, err = self._capture.readouterr()
        return Ran(code=code, out=out, err=err)


def create(name: str, template: Mapping[str, object]) -> None:
    boto3.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))


def set_status(name: str, status: str) -> None:
    (found,) = (
        each for each in cloudformation_backends[DEFAULT_ACCOUNT_ID][REGION].stacks.values() if each.name == name
    )
    found.status = status


def test_each_stack_is_listed_with_its_jobs_and_its_queue(run: Run) -> None:
    make_stack("shots", Cluster="none")
    make_stack("ads", Cluster="none")
    outputs = outputs_of("shots")
    for name in ("shot-1", "shot-2"):
        boto3.client("stepfunctions").start_execution(stateMachineArn=outputs["StateMachineArn"], name=name)
    sqs = boto3.client("sqs")
    for _ in range(3):
        sqs.send_message(QueueUrl=outputs["ChunkQueueUrl"], MessageBody="chunk")
    sqs.receive_message(QueueUrl=outputs["ChunkQueueUrl"], VisibilityTimeout=60)
    ran = run()
    assert (ran.code, ran.err) == (0, "")
    head, ads, shots = ran.out.splitlines()
    assert head.split("  ")[0] == "STACK"
    assert ads.split()[:5] == ["ads", "CREATE_COMPLETE", "0", "0", "0"]
    assert shots.split()[:5] == ["shots", "CREATE_COMPLETE", "2", "2", "1"]
    document = run("--json").json()
    assert document["region"] == REGION
    created = document["stacks"][1].pop("created")
    assert created.startswith(shots.split()[5])
    assert document["stacks"][1] == {
        "name": "shots",
        "status": "CREATE_COMPLETE",
        "running_jobs": 2,
        "queue": {"waiting": 2, "in_flight": 1, "dead_letters": 0},
        "problem": None,
    }


def test_a_foreign_stack_is_not_listed(run: Run) -> None:
    create("web", FOREIGN)
    ran = run()
    assert (ran.code, ran.out, ran.err) == (0, f"There are no Frameloom stacks in {REGION}.\n", "")
    assert run("--json").json() == {"region": REGION, "stacks": []}


@pytest.mark.parametrize("status", ["DELETE_IN_PROGRESS", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"])
def test_a_stack_is_listed_whatever_its_status(run: Run, status: str) -> None:
    make_stack("farm", Cluster="none")
    set_status("farm", status)
    assert run().out.splitlines()[1].split()[:3] == ["farm", status, "0"]


def test_a_stack_whose_creation_failed_is_listed_by_its_description(run: Run) -> None:
    create("farm", FAILED)
    set_status("farm", "ROLLBACK_COMPLETE")
    ran = run()
    assert ran.out.splitlines()[1].split()[:5] == ["farm", "ROLLBACK_COMPLETE", "-", "-", "-"]
    assert ran.err == ""


def test_the_description_of_the_template_starts_with_the_words_that_identify_a_stack() -> None:
    assert f"\nDescription: {DESCRIPTION}" in (ROOT / "template.yaml").read_text(encoding="utf-8")


def test_stacks_of_all_pages_are_listed_by_name() -> None:
    # The emulator returns 50 stacks per page.
    for number in range(0, 120, 2):
        create(f"farm-{number:03d}", FAILED)
        create(f"web-{number:03d}", FOREIGN)
    assert [each.name for each in list_stacks()] == [f"farm-{number:03d}" for number in range(0, 120, 2)]


def test_a_stack_whose_queue_was_deleted_is_listed_with_a_warning(run: Run) -> None:
    make_stack("farm", Cluster="none")
    boto3.client("sqs").delete_queue(QueueUrl=outputs_of("farm")["ChunkQueueUrl"])
    ran = run()
    assert ran.code == 0
    assert ran.out.splitlines()[1].split()[:5] == ["farm", "CREATE_COMPLETE", "0", "-", "-"]
    (warning,) = ran.err.splitlines()
    assert warning.startswith("frameloom: The stack 'farm': The queues cannot be read: ")
    assert run("--json").json()["stacks"][0]["queue"] is None


def test_a_stack_whose_jobs_may_not_be_listed_has_its_queue(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    make_stack("farm", Cluster="none")
    states = boto3.client("stepfunctions")
    stub = Stubber(states)
    stub.add_client_error("list_executions", "AccessDeniedException", "not authorized")
    stub.activate()
    monkeypatch.setattr(executions, "client", lambda _: states)
    ran = run()
    assert ran.code == 0
    assert ran.out.splitlines()[1].split()[:5] == ["farm", "CREATE_COMPLETE", "-", "0", "0"]
    (warning,) = ran.err.splitlines()
    assert warning.startswith("frameloom: The stack 'farm': The running jobs cannot be listed: ")


@pytest.mark.parametrize(
    ("code", "message", "advice"),
    [
        ("AccessDenied", "not authorized to perform: x", "Ask for the permission cloudformation:DescribeStacks."),
        ("Throttling", "Rate exceeded", "Run the command again in a minute."),
    ],
)
def test_a_refused_listing_is_one_sentence_with_advice(
    run: Run, monkeypatch: pytest.MonkeyPatch, code: str, message: str, advice: str
) -> None:
    cloudformation = boto3.client("cloudformation")
    stub = Stubber(cloudformation)
    stub.add_client_error("describe_stacks", code, message)
    stub.activate()
    monkeypatch.setattr(stack, "client", lambda _: cloudformation)
    ran = run()
    assert (ran.code, ran.out) == (1, "")
    (line,) = ran.err.splitlines()
    assert line.startswith("frameloom: The stacks cannot be listed: ")
    assert line.endswith(f"{message}. {advice}")


@pytest.mark.parametrize("words", [(), ("--stack", "farm", "--frames", "--yes"), ("--help",), ("--json",)])
def test_the_former_name_of_stack_delete_is_refused_and_deletes_nothing(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    make_stack("farm", Cluster="none")
    assert main(["farm", "delete", *words]) == 2
    out, err = capsys.readouterr()
    problem = "`frameloom farm delete` is now `frameloom stack delete`. Nothing was deleted."
    assert err == f"frameloom: {problem}\n"
    assert ("--json" in words) == bool(out)
    assert [each.status for each in list_stacks()] == ["CREATE_COMPLETE"]
