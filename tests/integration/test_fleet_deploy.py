"""`frameloom fleet deploy`, with the real Kubernetes client, a local API server and a stack in moto."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet_rig import (
    IMAGE_TAG,
    KEDA_ROLE,
    STACK,
    Rig,
    keda_release,
    outputs_of,
    push_image,
    rig,
    write_kubeconfig,
)

KEDA_FLEET = {
    ("Namespace", "frameloom"),
    ("ServiceAccount", "worker"),
    ("ConfigMap", "farm"),
    ("NetworkPolicy", "worker"),
    ("TriggerAuthentication", "worker"),
    ("ScaledJob", "worker"),
    *(
        (kind, "job-cleanup")
        for kind in ("ConfigMap", "CronJob", "NetworkPolicy", "Role", "RoleBinding", "ServiceAccount")
    ),
}
HPA_FLEET = {
    ("Namespace", "frameloom"),
    ("ServiceAccount", "worker"),
    ("ConfigMap", "farm"),
    ("NetworkPolicy", "worker"),
    ("Deployment", "worker"),
    ("HorizontalPodAutoscaler", "worker"),
}


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Rig]:
    with rig(monkeypatch, capsys, tmp_path) as found:
        yield found


def fleet_of(farm: Rig) -> set[tuple[str, str]]:
    """Return the objects with the stack's label."""
    with farm.server.lock:
        return {
            (each["kind"], each["metadata"]["name"])
            for each in farm.server.objects.items.values()
            if each["metadata"].get("labels", {}).get("frameloom/stack") == STACK
        }


def test_an_empty_cluster_gets_keda_and_the_fleet(farm: Rig) -> None:
    ran = farm.deploy("--json")
    assert ran.code == 0, ran.err
    assert fleet_of(farm) == KEDA_FLEET
    document = ran.json()
    assert document["keda"] == {"version": "2.21.0", "installed": True}
    assert {each["change"] for each in document["objects"]} == {"created"}
    assert (document["cluster"], document["namespace"], document["overlay"]) == ("farm-cluster", "frameloom", "keda")


def test_the_job_scales_by_the_stacks_queue_and_runs_its_newest_image(farm: Rig) -> None:
    push_image(f"{STACK}-worker", "5.0.1-ffffffffffff")
    assert farm.deploy("--max-workers", 23).code == 0
    outputs = outputs_of(STACK)
    job = farm.server.find("ScaledJob", "worker")
    assert job is not None
    (trigger,) = job["spec"]["triggers"]
    assert trigger["metadata"]["queueURL"] == outputs["ChunkQueueUrl"]
    assert trigger["metadata"]["awsRegion"] == "eu-central-1"
    assert job["spec"]["maxReplicaCount"] == 23
    (container,) = job["spec"]["jobTargetRef"]["template"]["spec"]["containers"]
    assert container["image"] == f"{outputs['WorkerRepositoryUri']}:{IMAGE_TAG}"
    config = farm.server.find("ConfigMap", "farm")
    assert config is not None
    assert config["data"] == {
        "CHUNK_QUEUE_URL": outputs["ChunkQueueUrl"],
        "LOG_QUEUE_URL": outputs["LogQueueUrl"],
        "LOG_BUCKET": outputs["LogBucketName"],
        "AWS_REGION": "eu-central-1",
    }


def test_a_second_deploy_changes_nothing(farm: Rig) -> None:
    assert farm.deploy().code == 0
    before = farm.server.versions()
    ran = farm.run("fleet", "deploy", "--json")
    assert ran.code == 0, ran.err
    assert farm.server.versions() == before
    assert {each["change"] for each in ran.json()["objects"]} == {"unchanged"}
    assert ran.json()["keda"] == {"version": "2.21.0", "installed": False}


def test_an_earlier_keda_stays_with_a_note_that_says_how_to_upgrade_it(farm: Rig) -> None:
    release = farm.keda.read_text()
    farm.keda.write_text(release.replace(":2.21.0", ":2.9.1"))
    note = "The cluster has KEDA 2.9.1. KEDA 2.21.0 is tested on Kubernetes 1.34 to 1.36: upgrade it with `--keda-m"
    assert note in farm.deploy().err
    farm.keda.write_text(release)
    ran = farm.deploy("--json")
    assert ran.json()["keda"] == {"version": "2.21.0", "installed": True}
    assert "The cluster has KEDA" not in ran.err


def test_another_overlay_deletes_objects_that_it_lacks(farm: Rig) -> None:
    assert farm.deploy("--overlay", "spot").code == 0
    assert fleet_of(farm) == KEDA_FLEET | {("NodePool", "spot.frameloom")}
    other = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "frameloom"}}
    farm.server.put(other | {"spec": {"replicas": 1}, "status": {}})
    ran = farm.deploy("--overlay", "hpa", "--json")
    assert ran.code == 0, ran.err
    assert fleet_of(farm) == HPA_FLEET
    assert ("Deployment", "web") in farm.server.names()
    assert ("Deployment", "keda-operator") in farm.server.names()
    gone = {(each["kind"], each["name"]) for each in ran.json()["objects"] if each["change"] == "deleted"}
    assert gone == (KEDA_FLEET - HPA_FLEET) | {("NodePool", "spot.frameloom")}


def test_another_image_changes_only_the_job(farm: Rig) -> None:
    assert farm.deploy().code == 0
    ran = farm.run("fleet", "deploy", "--image", "registry.example:5000/worker@sha256:abc", "--json")
    changed = {each["kind"] for each in ran.json()["objects"] if each["change"] != "unchanged"}
    assert changed == {"ScaledJob"}
    job = farm.server.find("ScaledJob", "worker")
    assert job is not None
    (container,) = job["spec"]["jobTargetRef"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example:5000/worker@sha256:abc"


def test_a_setting_that_another_manager_changed_is_restored(farm: Rig) -> None:
    assert farm.deploy().code == 0
    job = farm.server.find("ScaledJob", "worker")
    assert job is not None
    key = next(key for key, each in farm.server.objects.items.items() if each is job)
    theirs = {**{name: job[name] for name in ("apiVersion", "kind")}, "metadata": {"name": "worker"}}
    farm.server.objects.apply(key, theirs | {"spec": {"maxReplicaCount": 0}}, manager="kubectl", force=True)
    assert farm.run("fleet", "deploy").code == 0
    job = farm.server.find("ScaledJob", "worker")
    assert job is not None
    assert job["spec"]["maxReplicaCount"] == 10


def test_the_operator_restarts_once_with_its_role(farm: Rig) -> None:
    assert farm.deploy().code == 0
    operator = farm.server.find("Deployment", "keda-operator")
    assert operator is not None
    template = operator["spec"]["template"]
    assert template["metadata"] == {
        "labels": {"app": "keda-operator"},
        "annotations": {"frameloom/pod-identity": KEDA_ROLE},
    }
    assert template["spec"]["containers"][0]["image"] == "ghcr.io/kedacore/keda-operator:2.21.0"
    generation = operator["metadata"]["generation"]
    assert farm.deploy().code == 0
    operator = farm.server.find("Deployment", "keda-operator")
    assert operator is not None
    assert operator["metadata"]["generation"] == generation


def test_a_foreign_keda_stays_unchanged(farm: Rig) -> None:
    assert farm.deploy("--overlay", "hpa").code == 0
    farm.server.put(*keda_release())
    before = {key: each for key, each in farm.server.versions().items() if "keda" in key[3]}
    ran = farm.deploy("--json")
    assert ran.code == 0, ran.err
    assert ran.json()["keda"] == {"version": "2.21.0", "installed": False}
    after = {key: each for key, each in farm.server.versions().items() if "keda" in key[3]}
    assert {key[3] for key in before if before[key] != after[key]} == {"keda-operator"}


def test_an_interrupted_installation_of_keda_is_completed(farm: Rig) -> None:
    assert farm.deploy().code == 0
    for key, each in list(farm.server.objects.items.items()):
        if each["kind"] == "Deployment":
            farm.server.objects.delete(key)
    ran = farm.deploy("--json")
    assert ran.code == 0, ran.err
    assert ran.json()["keda"]["installed"] is True
    assert ("Deployment", "keda-operator") in farm.server.names()


def test_the_cluster_of_the_stack_enforces_network_policies(farm: Rig) -> None:
    assert farm.deploy().code == 0
    setting = farm.server.find("ConfigMap", "amazon-vpc-cni")
    assert setting is not None
    assert setting["data"] == {"enable-network-policy-controller": "true"}
    assert "labels" not in setting["metadata"]


def test_requests_are_repeated_after_transient_errors(farm: Rig) -> None:
    farm.server.hiccups = [503, 409, 500]
    assert farm.deploy().code == 0
    assert farm.server.hiccups == []
    assert fleet_of(farm) == KEDA_FLEET


def test_each_request_has_a_token_for_the_stacks_cluster(farm: Rig) -> None:
    assert farm.deploy().code == 0
    assert {each.token[:11] for each in farm.server.asked} == {"k8s-aws-v1."}


def test_a_users_overlay_can_build_on_ours(farm: Rig, tmp_path: Path) -> None:
    overlays = Path(__file__).resolve().parents[2] / "cluster" / "overlays"
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(
        "resources: [{}]\npatches:\n- target: {{kind: ScaledJob}}\n"
        '  patch: \'[{{"op": "replace", "path": "/spec/pollingInterval", "value": 77}}]\'\n'.format(
            Path("..", *[".."] * (len(tmp_path.parts) - 1), *(overlays / "keda").parts[1:])
        ),
        encoding="utf-8",
    )
    ran = farm.deploy("--overlay", folder)
    assert ran.code == 0, ran.err
    job = farm.server.find("ScaledJob", "worker")
    assert job is not None
    assert job["spec"]["pollingInterval"] == 77
    assert job["spec"]["triggers"][0]["metadata"]["queueURL"] == outputs_of(STACK)["ChunkQueueUrl"]


def test_the_local_overlay_needs_its_secret_and_works_in_any_cluster(farm: Rig, tmp_path: Path) -> None:
    write_kubeconfig(tmp_path / "kubeconfig", kind=farm.server.url.replace("127.0.0.1", "localhost"))
    words = ("--overlay", "local", "--context", "kind", "--max-workers", 3)
    ran = farm.deploy(*words)
    assert (ran.code, ran.out) == (1, ""), ran
    assert "kubectl create secret generic aws --namespace frameloom" in ran.err.splitlines()[-1]
    metadata = {"name": "aws", "namespace": "frameloom"}
    farm.server.put({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
    ran = farm.deploy(*words)
    assert ran.code == 0, ran.err
    worker = farm.server.find("Deployment", "worker")
    assert worker is not None
    assert worker["spec"]["replicas"] == 3
    assert {each.token for each in farm.server.asked} == {"from-kubeconfig"}
    assert ("Deployment", "keda-operator") not in farm.server.names()
