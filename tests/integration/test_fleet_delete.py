"""`frameloom fleet delete`: deletes the stack's objects and no others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fleet_rig import CLUSTER, STACK, Rig, keda_release, rig


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Rig]:
    with rig(monkeypatch, capsys, tmp_path) as found:
        yield found


def pod(name: str, owner: dict[str, Any]) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": "frameloom",
        "labels": {"app.kubernetes.io/name": "frameloom-worker"},
        "ownerReferences": [{"uid": owner["metadata"]["uid"]}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}


def scaled_job(namespace: str) -> dict[str, Any]:
    return {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledJob", "metadata": {"name": "x", "namespace": namespace}}


def test_a_fleet_is_deleted_with_its_pods_and_its_keda(farm: Rig) -> None:
    before = farm.server.names()
    assert farm.deploy("--overlay", "spot").code == 0
    job = farm.server.find("ScaledJob", "worker")
    assert job is not None
    farm.server.put(pod("worker-1", job), pod("worker-2", job))
    farm.server.objects.lingers = 40
    ran = farm.run("fleet", "delete", "--yes")
    assert ran.code == 0, ran.err
    assert farm.server.names() == before | {("ConfigMap", "amazon-vpc-cni")}
    shown = ran.err.splitlines()
    assert "  ScaledJob 'worker'" in shown
    assert "  NodePool 'spot.frameloom'" in shown
    assert "  2 pods; their workers return unfinished chunks to the queue" in shown
    assert any(line.startswith("  KEDA") for line in shown)
    assert ran.out == f"The fleet of the stack {STACK} was deleted from the cluster {CLUSTER}.\n"


def test_scalers_are_deleted_first_and_keda_last(farm: Rig) -> None:
    assert farm.deploy("--overlay", "spot").code == 0
    farm.server.asked.clear()
    assert farm.run("fleet", "delete", "--yes").code == 0
    deleted = [each.rpartition("/")[0].rpartition("/")[2] for each in farm.changes()]
    assert deleted[0] == "scaledjobs"
    assert deleted.index("nodepools") < deleted.index("deployments") < deleted.index("customresourcedefinitions")


def test_foreign_objects_stay(farm: Rig) -> None:
    farm.server.put(*keda_release())
    labels = {"app.kubernetes.io/managed-by": "frameloom", "frameloom/stack": "other"}
    farm.server.put(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "a"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "others", "namespace": "a", "labels": labels}},
        {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "spot.other", "labels": labels}},
    )
    before = farm.server.names()
    assert farm.deploy("--overlay", "gpu").code == 0
    ran = farm.run("fleet", "delete", "--yes")
    assert ran.code == 0, ran.err
    assert "KEDA" not in ran.err
    assert farm.server.names() == before | {("ConfigMap", "amazon-vpc-cni")}


def test_keda_stays_if_others_use_it(farm: Rig) -> None:
    assert farm.deploy().code == 0
    farm.server.put(scaled_job("a"))
    ran = farm.run("fleet", "delete", "--yes")
    assert ran.code == 0, ran.err
    # The list of objects to delete does not have it either.
    assert "KEDA" not in ran.err
    assert ("Deployment", "keda-operator") in farm.server.names()
    assert ("ScaledJob", "x") in farm.server.names()
    assert ("Namespace", "frameloom") not in farm.server.names()


def test_a_foreign_namespace_stays_with_its_objects(farm: Rig) -> None:
    farm.server.put(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "frameloom"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "frameloom"}},
    )
    ran = farm.deploy("--overlay", "hpa")
    assert ran.code == 0
    assert "The namespace frameloom does not belong to this fleet, so it stays unchanged." in ran.err
    assert farm.run("fleet", "delete", "--yes").code == 0
    inside = {key[3] for key in farm.server.versions() if key[2] == "frameloom"}
    assert inside == {"theirs"}
    assert ("Namespace", "frameloom") in farm.server.names()


def test_without_a_terminal_nothing_is_deleted(farm: Rig) -> None:
    assert farm.deploy().code == 0
    farm.server.asked.clear()
    ran = farm.run("fleet", "delete")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("frameloom: --yes: is required without a terminal")
    assert farm.server.asked == []


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 2), ("", 2), ("yes please", 2)])
def test_on_a_terminal_only_y_confirms(farm: Rig, monkeypatch: pytest.MonkeyPatch, answer: str, code: int) -> None:
    assert farm.deploy("--overlay", "hpa").code == 0
    monkeypatch.setattr("sys.stdin", Answering(answer))
    ran = farm.run("fleet", "delete")
    assert ran.code == code
    assert "Delete all of this? [y/N]" in ran.err
    assert (("Namespace", "frameloom") in farm.server.names()) == bool(code)


def test_a_second_delete_finds_nothing(farm: Rig) -> None:
    assert farm.deploy().code == 0
    assert farm.run("fleet", "delete", "--yes").code == 0
    farm.server.asked.clear()
    ran = farm.run("fleet", "delete", "--yes")
    assert (ran.code, ran.out) == (0, f"The stack {STACK} has no fleet in the cluster {CLUSTER}.\n")
    assert farm.changes() == []
    assert farm.run("fleet", "delete", "--yes", "--json").json() == {"stack": STACK, "cluster": CLUSTER, "deleted": []}


def test_an_object_that_remains_at_the_deadline_is_named(farm: Rig) -> None:
    assert farm.deploy("--overlay", "hpa").code == 0
    farm.server.objects.lingers = 10**6
    ran = farm.run("fleet", "delete", "--yes", "--timeout", "1s")
    assert (ran.code, ran.out) == (1, "")
    line = ran.err.splitlines()[-1]
    assert line.startswith(f"frameloom: Timed out after 1 seconds in the cluster {CLUSTER}: ")
    assert "HorizontalPodAutoscaler 'worker' is being deleted, and 5 more" in line


class Answering:
    """Standard input of a terminal on which a user types one line."""

    def __init__(self, line: str) -> None:
        self._line = line

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return f"{self._line}\n"
