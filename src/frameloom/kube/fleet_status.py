"""A fleet's status: its pods, the cluster's nodes, and the desired number of workers."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from frameloom.kube import job_cleanup
from frameloom.kube.api import Cluster
from frameloom.kube.fleet_deletion import PODS
from frameloom.kube.manifests import WORKER
from frameloom.kube.pending_reasons import Wait, waits

PHASES = ("pending", "running", "succeeded", "failed")
CAPACITIES = ("on-demand", "spot")
# Node labels with the capacity type: of Karpenter and EKS Auto Mode, and of EKS node groups.
_CAPACITY_LABELS = ("karpenter.sh/capacity-type", "eks.amazonaws.com/capacityType")


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetState:
    """Pods by phase, nodes of the whole cluster by capacity type, and the desired number of workers, None if unknown.

    `waits` has the reasons why workers do not start.
    """

    pods: Mapping[str, int]
    nodes: Mapping[str, int]
    desired: int | None
    waits: Sequence[Wait] = ()


def observe(cluster: Cluster, namespace: str) -> FleetState:
    """Return a fleet's status."""
    found, jobs = workers_of(cluster, namespace)
    pods = Counter(str(pod.get("status", {}).get("phase", "Unknown")).lower() for pod in found)
    nodes = Counter(_capacity(node["metadata"].get("labels") or {}) for node in cluster.list("v1", "Node"))
    return FleetState(
        pods={phase: pods.get(phase, 0) for phase in PHASES} | dict(pods),
        nodes={capacity: nodes.get(capacity, 0) for capacity in CAPACITIES} | dict(nodes),
        desired=_desired(cluster, namespace, jobs),
        waits=waits(cluster, namespace, jobs, found),
    )


def why_workers_wait(cluster: Cluster, namespace: str) -> list[Wait]:
    """Return the reasons why a fleet's workers do not start."""
    pods, jobs = workers_of(cluster, namespace)
    return waits(cluster, namespace, jobs, pods)


def workers_of(cluster: Cluster, namespace: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the pods of a fleet's workers, and the Jobs that KEDA made for them."""
    jobs = list(cluster.list("batch/v1", "Job", namespace=namespace, labels={job_cleanup.OWNER: WORKER}))
    # List pods after Jobs, to see pods that start in between.
    return list(cluster.list("v1", "Pod", namespace=namespace, labels=PODS)), jobs


def _desired(cluster: Cluster, namespace: str, jobs: Iterable[Mapping[str, Any]]) -> int | None:
    """Return the number of workers that the scaler wants; None without a scaler."""
    scaler = cluster.find("autoscaling/v2", "HorizontalPodAutoscaler", WORKER, namespace=namespace)
    if scaler is not None:
        return int(scaler.get("status", {}).get("desiredReplicas", 0))
    if cluster.find("keda.sh/v1alpha1", "ScaledJob", WORKER, namespace=namespace) is not None:
        # A ScaledJob has no desired number: it makes a Job for each worker.
        return sum(1 for job in jobs if not job_cleanup.is_finished(job))
    deployment = cluster.find("apps/v1", "Deployment", WORKER, namespace=namespace)
    return None if deployment is None else int(deployment["spec"].get("replicas", 1))


def _capacity(labels: Mapping[str, str]) -> str:
    found = next((labels[name] for name in _CAPACITY_LABELS if name in labels), "other")
    return found.lower().replace("_", "-")
