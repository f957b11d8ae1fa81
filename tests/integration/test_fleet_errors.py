"""Errors of the fleet commands: one sentence and an exit code, and no partial changes."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.eks.models import eks_backends

from tests.fleet_rig import CLUSTER, REGION, STACK, Ran, Rig, drop_stack, make_stack, rig, write_kubeconfig

ME = f"arn:aws:sts::{DEFAULT_ACCOUNT_ID}:user/moto"


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Rig]:
    with rig(monkeypatch, capsys, tmp_path) as found:
        yield found


def sentence_of(ran: Ran, code: int = 1) -> str:
    """Return the sentence with which a command failed."""
    assert (ran.code, ran.out) == (code, ""), ran
    lines = [line for line in ran.err.splitlines() if line.startswith("frameloom: ")]
    assert len(lines) == 1, ran.err
    assert ran.err.splitlines()[-1] == lines[0]
    return lines[0].removeprefix("frameloom: ")


def test_refused_credentials_come_with_advice(farm: Rig) -> None:
    farm.server.knows = lambda _: False
    said = sentence_of(farm.deploy())
    assert said == (
        f"The cluster {CLUSTER} does not accept your credentials: deploy the stack '{STACK}' with "
        f"ClusterAdminArn={ME}, or ask its administrator for access."
    )


def test_a_missing_right_is_named_before_any_change(farm: Rig) -> None:
    farm.server.denied = {("patch", "networkpolicies")}
    said = sentence_of(farm.deploy())
    assert said.startswith(f"You may not patch a NetworkPolicy in namespace frameloom in the cluster {CLUSTER}: ")
    assert f"ClusterAdminArn={ME}" in said
    assert farm.changes() == []


def test_a_right_that_is_lost_meanwhile_is_named(farm: Rig) -> None:
    farm.server.denied = {("list", "events")}
    assert farm.deploy().code == 0
    farm.server.denied = {("get", "namespaces")}
    assert sentence_of(farm.deploy()).startswith("You may not read Namespace 'frameloom' in the cluster")


@pytest.mark.parametrize(("verb", "kind"), [("delete", "Job"), ("list", "Pod")])
def test_a_missing_right_to_delete_jobs_is_named_before_any_change(farm: Rig, verb: str, kind: str) -> None:
    farm.server.denied = {(verb, f"{kind.lower()}s")}
    said = sentence_of(farm.deploy())
    assert said.startswith(f"You may not {verb} a {kind} in namespace frameloom in the cluster {CLUSTER}")
    assert farm.changes() == []


def test_an_unreachable_cluster_is_named(farm: Rig) -> None:
    eks_backends[DEFAULT_ACCOUNT_ID][REGION].clusters[CLUSTER].endpoint = "http://127.0.0.1:9"
    said = sentence_of(farm.deploy())
    assert said.startswith(f"The cluster {CLUSTER} cannot be reached: Failed to establish a new connection")
    assert said.endswith("run this command inside its network.")


def test_a_server_without_kinds_is_refused(farm: Rig) -> None:
    farm.server.kinds.clear()
    assert farm.deploy().code == 1


@pytest.mark.parametrize("overlay", ["spot", "gpu"])
def test_a_node_pool_without_its_class_is_refused_before_any_change(farm: Rig, overlay: str) -> None:
    """EKS Auto Mode has no NodeClass if all of its built-in node pools are disabled."""
    farm.server.take("NodeClass", "default")
    said = sentence_of(farm.deploy("--overlay", overlay))
    assert said.startswith(
        f"NodePool '{overlay}.frameloom' needs the NodeClass 'default', which the cluster {CLUSTER} does not have: "
    )
    assert said.endswith("Enable one of the two, or name another class in your own overlay.")
    assert farm.changes() == []


def test_a_class_that_may_not_be_read_is_not_checked(farm: Rig) -> None:
    farm.server.denied = {("get", "nodeclasses")}
    assert farm.deploy("--overlay", "spot").code == 0


def test_workers_on_built_in_nodes_need_no_class(farm: Rig) -> None:
    farm.server.take("NodeClass", "default")
    assert farm.deploy().code == 0


def test_a_context_of_another_cluster_is_refused(farm: Rig, tmp_path: Path) -> None:
    write_kubeconfig(tmp_path / "kubeconfig", other="https://other.example")
    eks_backends[DEFAULT_ACCOUNT_ID][REGION].clusters[CLUSTER].endpoint = "https://ours.eks.example"
    write_kubeconfig(tmp_path / "kubeconfig", other=farm.server.url)
    said = sentence_of(farm.deploy("--context", "other"), 2)
    assert said == (
        f"--context: 'other' names the cluster at {farm.server.url}, but the stack '{STACK}' uses {CLUSTER} at "
        "https://ours.eks.example."
    )
    assert farm.changes() == []


def test_a_context_of_the_stacks_cluster_is_used(farm: Rig, tmp_path: Path) -> None:
    write_kubeconfig(tmp_path / "kubeconfig", mine=farm.server.url)
    ran = farm.deploy("--context", "mine")
    assert ran.code == 0, ran.err
    assert {each.token for each in farm.server.asked} == {"from-kubeconfig"}


@pytest.mark.parametrize("there", [True, False], ids=["another", "no kubeconfig"])
def test_a_missing_context_is_refused(farm: Rig, tmp_path: Path, *, there: bool) -> None:
    if there:
        write_kubeconfig(tmp_path / "kubeconfig", mine=farm.server.url)
    assert sentence_of(farm.deploy("--context", "other"), 2).startswith("--context: Invalid kube-config file.")


def test_a_missing_stack_is_named(farm: Rig) -> None:
    drop_stack(STACK)
    assert f"The stack '{STACK}' cannot be read" in sentence_of(farm.deploy())


def test_a_stack_without_a_cluster_is_refused_with_advice(farm: Rig) -> None:
    drop_stack(STACK)
    make_stack(STACK, Cluster="none")
    said = sentence_of(farm.deploy("--image", "worker:1"))
    assert said.startswith(f"The stack '{STACK}' has no cluster: deploy it with Cluster=create")
    assert "--context" in said


def test_a_deleted_cluster_is_named(farm: Rig) -> None:
    boto3.client("eks").delete_cluster(name=CLUSTER)
    assert sentence_of(farm.deploy()) == f"The cluster {CLUSTER} of the stack '{STACK}' does not exist."


def test_a_repository_without_an_image_is_refused_with_advice(farm: Rig) -> None:
    images = boto3.client("ecr").list_images(repositoryName=f"{STACK}-worker")["imageIds"]
    boto3.client("ecr").batch_delete_image(repositoryName=f"{STACK}-worker", imageIds=images)
    said = sentence_of(farm.deploy())
    assert "There is no worker image with Blender 4.5.15" in said
    assert f'`make image BLENDER_VERSIONS="4.5.15" STACK={STACK}`' in said
    assert farm.server.asked == []


def test_missing_kubectl_is_named(farm: Rig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    assert sentence_of(farm.deploy()).startswith("kubectl is not installed")


@pytest.mark.parametrize("overlay", ["kedda", "/nowhere/at/all"])
def test_a_missing_overlay_is_refused(farm: Rig, overlay: str) -> None:
    said = sentence_of(farm.deploy("--overlay", overlay), 2)
    assert said == f"--overlay: takes keda, hpa, spot, gpu, local or a folder, not '{overlay}'."


def test_an_error_of_kustomize_is_quoted(farm: Rig, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "kustomization.yaml").write_text("resources: [nothing.yaml]\n", encoding="utf-8")
    said = sentence_of(farm.deploy("--overlay", tmp_path / "mine"), 2)
    assert said.startswith("--overlay: kustomize failed for")
    assert "nothing.yaml" in said


def test_the_namespace_of_another_stack_is_refused(farm: Rig) -> None:
    labels = {"app.kubernetes.io/managed-by": "frameloom", "frameloom/stack": "other"}
    farm.server.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "frameloom", "labels": labels}})
    said = sentence_of(farm.deploy())
    assert said == (
        f"The namespace frameloom of the cluster {CLUSTER} belongs to the stack 'other': "
        "deploy one of the two stacks with another FleetNamespace."
    )
    assert farm.changes() == []


def test_a_namespace_that_disappears_meanwhile_is_named(farm: Rig) -> None:
    assert farm.deploy().code == 0
    farm.server.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "frameloom"}})
    farm.server.objects.delete(("v1", "namespaces", "", "frameloom"))
    farm.server.denied = {("create", "namespaces")}
    assert sentence_of(farm.deploy()).startswith("You may not create a Namespace in the cluster")


def test_an_unknown_kind_of_nodes_is_named(farm: Rig) -> None:
    del farm.server.kinds["karpenter.sh/v1"]
    assert sentence_of(farm.deploy("--overlay", "spot")) == f"The cluster {CLUSTER} has no NodePool of karpenter.sh/v1."


@pytest.mark.parametrize(
    ("stuck", "lack"),
    [
        ("scaledjobs.keda.sh", "CustomResourceDefinition 'scaledjobs.keda.sh' is not Established"),
        ("keda-operator", "Deployment 'keda-operator' has not started its rollout"),
        ("ScaledJob", "ScaledJob 'worker' is not Ready"),
    ],
)
def test_an_object_that_is_not_ready_at_the_deadline_is_named(farm: Rig, stuck: str, lack: str) -> None:
    farm.server.stuck = {stuck}
    assert sentence_of(farm.deploy("--timeout", "1s")) == (
        f"Timed out after 1 seconds in the cluster {CLUSTER}: {lack}."
    )
    farm.server.release()
    ran = farm.deploy()
    assert ran.code == 0, ran.err


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("http://example.com/keda.yaml", 2, "takes a file or an https URL, not 'http://example.com/keda.yaml'"),
        ("https://127.0.0.1:9/keda.yaml", 1, "pass the file as --keda-manifest"),
        ("nothing.yaml", 1, "No such file or directory: 'nothing.yaml'"),
        (os.devnull, 2, "is not a release of KEDA"),
    ],
)
def test_an_unusable_release_of_keda_is_named(farm: Rig, source: str, code: int, said: str) -> None:
    assert said in sentence_of(farm.run("fleet", "deploy", "--keda-manifest", source), code)
    assert farm.changes() == []


@pytest.mark.parametrize("text", ["keda", "[1, 2]", "kind: x", "{", "kind: ConfigMap\nmetadata: {name: keda}"])
def test_a_file_without_a_release_of_keda_is_refused(farm: Rig, tmp_path: Path, text: str) -> None:
    path = tmp_path / "release.yaml"
    path.write_text(text, encoding="utf-8")
    assert "is not a release of KEDA" in sentence_of(farm.run("fleet", "deploy", "--keda-manifest", path), 2)


@pytest.mark.parametrize("words", [["--timeout", "soon"], ["--timeout", "0"], ["--max-workers", "0"]])
def test_invalid_options_are_refused(farm: Rig, words: list[str]) -> None:
    assert sentence_of(farm.deploy(*words), 2)


def test_errors_are_json_with_the_option_json(farm: Rig) -> None:
    farm.server.knows = lambda _: False
    ran = farm.deploy("--json")
    assert ran.code == 1
    assert json.loads(ran.out)["error"] == "FarmUnavailable"
    assert json.loads(ran.out)["cause"].startswith(f"The cluster {CLUSTER} does not accept your credentials")
