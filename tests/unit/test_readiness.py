"""When objects are ready."""

import pytest

from frameloom.kube.readiness import lacks

READY = {"conditions": [{"type": "Available", "status": "True"}], "observedGeneration": 2, "updatedReplicas": 1}
DEPLOYMENT = {"kind": "Deployment", "metadata": {"generation": 2}, "spec": {"replicas": 1}, "status": READY}


@pytest.mark.parametrize(
    ("status", "lack"),
    [
        (READY, None),
        (READY | {"observedGeneration": 1}, "has not started its rollout"),
        (READY | {"updatedReplicas": 0}, "has 0 of 1 pods updated"),
        (READY | {"replicas": 2}, "has 1 of 1 pods updated"),
        (READY | {"conditions": []}, "is not Available"),
        (
            READY | {"conditions": [{"type": "Available", "status": "False", "message": "No pod\nis up."}]},
            "is not Available (No pod is up)",
        ),
    ],
)
def test_a_deployment_is_ready_when_all_its_pods_are_updated(status: dict[str, object], lack: str | None) -> None:
    assert lacks(DEPLOYMENT | {"status": status}) == lack


def test_an_object_without_conditions_is_ready_if_it_exists() -> None:
    assert lacks({"kind": "ConfigMap", "metadata": {}}) is None
    assert lacks(None) == "does not exist"
