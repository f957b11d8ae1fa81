"""What a fleet is at: its pods, the cluster's nodes, and how many workers are wanted."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from frameloom.kube.api import Cluster
from frameloom.kube.manifests import WORKER
from frameloom.kube.removal import PODS

PHASES = ("pending", "running", "succeeded", "failed")
CAPACITIES = ("on-demand", "spot")
# Where a node says how it is paid for: Karpenter and EKS Auto Mode, and EKS' node groups.
_CAPACITY_LABELS = ("karpenter.sh/capacity-type", "eks.amazonaws.com/capacityType")


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetState:
    """Pods by phase, nodes of the whole cluster by capacity type, and the workers wanted, None where nothing says."""

    pods: Mapping[str, int]
    nodes: Mapping[str, int]
    desired: int | None


def observe(cluster: Cluster, namespace: str) -> FleetState:
    """Return how a fleet stands."""
    pods = Counter(
        str(pod.get("status", {}).get("phase", "Unknown")).lower()
        for pod in cluster.list("v1", "Pod", namespace=namespace, labels=PODS)
    )
    nodes = Counter(_capacity(node["metadata"].get("labels") or {}) for node in cluster.list("v1", "Node"))
    return FleetState(
        pods={phase: pods.get(phase, 0) for phase in PHASES} | dict(pods),
        nodes={capacity: nodes.get(capacity, 0) for capacity in CAPACITIES} | dict(nodes),
        desired=_desired(cluster, namespace),
    )


def _desired(cluster: Cluster, namespace: str) -> int | None:
    """Return how many workers what scales the fleet wants to have."""
    scaler = cluster.find("autoscaling/v2", "HorizontalPodAutoscaler", WORKER, namespace=namespace)
    if scaler is not None:
        return int(scaler.get("status", {}).get("desiredReplicas", 0))
    if cluster.find("keda.sh/v1alpha1", "ScaledJob", WORKER, namespace=namespace) is not None:
        # A ScaledJob tells no number: it makes a Job for each worker that it wants.
        jobs = cluster.list("batch/v1", "Job", namespace=namespace, labels={"scaledjob.keda.sh/name": WORKER})
        return sum(1 for job in jobs if not _ended(job))
    deployment = cluster.find("apps/v1", "Deployment", WORKER, namespace=namespace)
    return None if deployment is None else int(deployment["spec"].get("replicas", 1))


def _ended(job: Mapping[str, Any]) -> bool:
    conditions = job.get("status", {}).get("conditions") or []
    return any(each["type"] in ("Complete", "Failed") and each["status"] == "True" for each in conditions)


def _capacity(labels: Mapping[str, str]) -> str:
    found = next((labels[name] for name in _CAPACITY_LABELS if name in labels), "other")
    return found.lower().replace("_", "-")
