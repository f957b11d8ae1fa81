"""Makes Jobs and pods like KEDA, the Job controller and a kubelet."""

from typing import Any

NAMESPACE = "frameloom"
POD = {"app.kubernetes.io/name": "frameloom-worker"}
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/farm-worker:4.5.15-wrong"


def job(
    name: str, *, generation: int = 1, created: str = "2026-11-25T00:00:00Z", ended: bool = False
) -> dict[str, Any]:
    """Return a Job that KEDA made for a version of the ScaledJob."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": {"scaledjob.keda.sh/name": "worker"},
            "annotations": {"scaledjob.keda.sh/generation": str(generation)},
            "creationTimestamp": created,
        },
        "status": {"conditions": [{"type": "Complete", "status": "True"}] if ended else []},
    }


def pod(of: str, phase: str, name: str = "", **status: Any) -> dict[str, Any]:
    """Return a pod of a Job."""
    metadata = {"name": name or f"{of}-x", "namespace": NAMESPACE, "labels": POD | {"batch.kubernetes.io/job-name": of}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": {"phase": phase, **status}}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    """Return the status of a pod whose container waits."""
    state = {"waiting": {"reason": reason, "message": message}}
    return {"containerStatuses": [{"name": "worker", "image": IMAGE, "restartCount": 0, "state": state}]}


def unscheduled(message: str) -> dict[str, Any]:
    """Return the status of a pod that fits no node."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {"conditions": [condition]}
