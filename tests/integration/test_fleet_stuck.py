"""Workers that never start: `fleet deploy` deletes their Jobs and waits; `watch` and `status` print the reasons."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from frameloom.kube import api
from tests.fleet_rig import IMAGE_TAG, STACK, Rig, outputs_of, push_image, rig
from tests.kube.jobs import IMAGE, job, pod, unscheduled, waiting

NO_ROOM = "0/2 nodes are available: 2 Insufficient cpu."
RUNNING: dict[str, Any] = {
    "containerStatuses": [{"name": "worker", "state": {"running": {"startedAt": "2026-11-25T00:00:01Z"}}}]
}
DONE: dict[str, Any] = {"containerStatuses": [{"name": "worker", "state": {"terminated": {"exitCode": 0}}}]}
LOST: dict[str, Any] = {"containerStatuses": [{"name": "worker", "state": {"terminated": {"exitCode": 137}}}]}


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Rig]:
    with rig(monkeypatch, capsys, tmp_path) as found:
        yield found


def put_chunk() -> None:
    boto3.client("sqs").send_message(QueueUrl=outputs_of(STACK)["ChunkQueueUrl"], MessageBody="chunk")


def jobs_of(farm: Rig) -> set[str]:
    return {each["metadata"]["name"] for each in farm.server.all("Job")}


def last_line(farm: Rig, *words: object) -> str:
    ran = farm.deploy("--timeout", "1s", *words)
    assert (ran.code, ran.out) == (1, ""), ran
    return ran.err.splitlines()[-1].removeprefix("frameloom: ")


def test_an_image_missing_from_the_repository_is_refused_before_any_change(farm: Rig) -> None:
    repository = outputs_of(STACK)["WorkerRepositoryUri"]
    digest = f"sha256:{'0' * 64}"
    for wrong in (f"{repository}:4.5.15-wrong", f"{repository}@{digest}", f"{repository}:{IMAGE_TAG}@{digest}"):
        ran = farm.deploy("--image", wrong)
        assert (ran.code, ran.out) == (2, ""), ran
        assert ran.err.splitlines()[-1] == (
            f"frameloom: --image: the image '{wrong}' does not exist: the newest image with Blender 4.5.15 is "
            f"{repository}:{IMAGE_TAG}."
        )
    assert farm.server.asked == []


def test_an_image_of_another_registry_is_deployed_with_a_note(farm: Rig) -> None:
    image = f"{outputs_of(STACK)['WorkerRepositoryUri']}:{IMAGE_TAG}"
    (found,) = boto3.client("ecr").describe_images(repositoryName=f"{STACK}-worker")["imageDetails"]
    for name in (image, f"{image}@{found['imageDigest']}"):
        ran = farm.deploy("--image", name)
        assert ran.code == 0, ran.err
        assert "is not checked" not in ran.err
    ran = farm.deploy("--image", "registry.example/worker:1")
    assert ran.code == 0, ran.err
    assert "The image registry.example/worker:1 is not in the stack's repository" in ran.err


def test_a_deploy_deletes_only_jobs_of_earlier_deploys_that_never_started(farm: Rig) -> None:
    """KEDA counts each Job as a worker: with ten Jobs of a wrong image, no chunk is ever rendered."""
    assert farm.deploy().code == 0
    push_image(f"{STACK}-worker", "4.5.15-ffffffffffff")
    never = {
        "image": pod("image", "Pending", **waiting("ImagePullBackOff")),
        "room": pod("room", "Pending", **unscheduled(NO_ROOM)),
        "again": pod("again", "Pending", **waiting("ErrImagePull")),
    }
    started = {
        "renders": pod("renders", "Running", **RUNNING),
        "silent": pod("silent", "Unknown", **RUNNING),
        "begins": pod("begins", "Pending", **RUNNING),
        "is-through": pod("is-through", "Succeeded", **DONE),
    }
    farm.server.put(
        *(job(name) for name in (*never, *started, "no-pod")),
        *(job(name, ended=True) for name in ("ended",)),
        *never.values(),
        *started.values(),
        # Its first pod ran and was lost with its node; the replacement never started.
        pod("again", "Failed", "again-1", **LOST),
        job("of-nobody") | {"metadata": {"name": "of-nobody", "namespace": "frameloom"}},
    )
    ran = farm.deploy("--json")
    assert ran.code == 0, ran.err
    assert jobs_of(farm) == {*started, "ended", "of-nobody"}
    assert sorted(ran.json()["deleted_jobs"]) == ["again", "image", "no-pod", "room"]


def test_a_job_that_starts_during_its_deletion_stays(farm: Rig) -> None:
    assert farm.deploy().code == 0
    farm.server.put(job("late"), pod("late", "Pending", **waiting("ContainerCreating")))

    def start(found: dict[str, Any]) -> None:
        if found["kind"] == "Job" and "ready" not in found["status"]:
            farm.server.put(found | {"status": {"ready": 1}}, pod("late", "Running", **RUNNING))

    farm.server.before_delete = start
    assert farm.deploy("--max-workers", 3).code == 0
    assert jobs_of(farm) == {"late"}


def test_a_changed_job_that_still_does_not_start_is_deleted_before_the_fleet_is_ready(farm: Rig) -> None:
    """One conflict must not leave it in a worker's place, with a fleet that counts as ready."""
    assert farm.deploy().code == 0
    farm.server.put(job("stuck"), pod("stuck", "Pending", **waiting("ImagePullBackOff")))

    def change(found: dict[str, Any]) -> None:
        if found["kind"] == "Job" and "ready" not in found["status"]:
            farm.server.put(found | {"status": {"ready": 0}})

    farm.server.before_delete = change
    ran = farm.deploy("--max-workers", 3, "--json")
    assert ran.code == 0, ran.err
    assert (ran.json()["deleted_jobs"], jobs_of(farm)) == (["stuck"], set())


def test_a_fleet_whose_workers_cannot_start_is_not_ready_and_has_reasons(farm: Rig) -> None:
    assert farm.deploy().code == 0
    put_chunk()
    assert last_line(farm).endswith(": 1 chunk waits, and KEDA has started no worker yet.")
    for number in range(3):
        farm.server.put(job(f"{number}"), pod(f"{number}", "Pending", **waiting("ErrImagePull", "not found")))
    farm.server.put(job("3"), pod("3", "Pending", **unscheduled(NO_ROOM)))
    assert last_line(farm).endswith(f": 3 workers wait: ImagePullBackOff ({IMAGE}), and 1 more.")
    farm.server.put(pod("0", "Running", **RUNNING))
    ran = farm.deploy()
    assert ran.code == 0, ran.err
    assert f"2 workers wait: ImagePullBackOff ({IMAGE})." in ran.err
    assert f"1 worker waits: Unschedulable ({NO_ROOM})." in ran.err


def test_a_fleet_that_is_full_of_busy_workers_of_an_earlier_deploy_is_ready(farm: Rig) -> None:
    assert farm.deploy().code == 0
    put_chunk()
    farm.server.put(job("busy"), pod("busy", "Running", **RUNNING))
    assert farm.deploy("--max-workers", 1).code == 0
    assert jobs_of(farm) == {"busy"}


def test_a_deployment_that_is_not_ready_has_reasons(farm: Rig) -> None:
    farm.server.stuck = {"worker"}
    farm.server.put(pod("x", "Pending", **waiting("CreateContainerConfigError", 'configmap "farm" not found')))
    assert last_line(farm, "--overlay", "hpa").endswith(
        ": Deployment 'worker' has not started its rollout; "
        '1 worker waits: CreateContainerConfigError (configmap "farm" not found).'
    )


@pytest.fixture
def stuck(farm: Rig) -> Rig:
    assert farm.deploy().code == 0
    put_chunk()
    quota = 'pods "q-" is forbidden: exceeded quota: fleet\x1b[31m, used: cpu=10'
    farm.server.put(
        *(job(name) for name in ("a", "b", "c", "d", "q")),
        pod("a", "Pending", **waiting("ImagePullBackOff")),
        pod("b", "Pending", **waiting("ErrImagePull")),
        pod("c", "Pending", **unscheduled(NO_ROOM)),
        pod("d", "Running", **RUNNING),
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "q.1", "namespace": "frameloom"},
            "involvedObject": {"kind": "Job", "name": "q"},
            "reason": "FailedCreate",
            "message": quota,
        },
    )
    return farm


LINES = [
    f"2 workers wait: ImagePullBackOff ({IMAGE})",
    f"1 worker waits: Unschedulable ({NO_ROOM})",
    '1 worker waits: FailedCreate (pods "q-" is forbidden: exceeded quota: fleet[31m, used: cpu=10)',
]


def test_a_watch_prints_a_line_for_each_reason_why_workers_wait(stuck: Rig) -> None:
    ran = stuck.run("fleet", "watch", "--every", "0.3s", "--for", "0.7s")
    look, *reasons = ran.out.splitlines()
    assert "3 pending" in look
    assert [each.strip() for each in reasons] == LINES
    waits = stuck.run("fleet", "watch", "--for", "0.1s", "--json").json()["waits"]
    assert [(each["reason"], each["workers"]) for each in waits] == [
        ("ImagePullBackOff", 2),
        ("Unschedulable", 1),
        ("FailedCreate", 1),
    ]


def test_the_status_of_a_stack_has_reasons_why_its_workers_wait(stuck: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = stuck.run("status")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[0].startswith("Chunks: 1 waiting")
    assert ran.out.splitlines()[1:4] == LINES
    assert len(stuck.run("status", "--json").json()["waits"]) == 3
    monkeypatch.setattr(api, "ATTEMPTS", 1)
    stuck.server.knows = lambda _: False
    ran = stuck.run("status")
    assert ran.code == 0
    assert ran.out.startswith("Chunks: 1 waiting")
    unknown = (
        "frameloom: The reasons why workers wait are unknown: The cluster farm-cluster does not accept your credentials"
    )
    assert ran.err.startswith(unknown)
