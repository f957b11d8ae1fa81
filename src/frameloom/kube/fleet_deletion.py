"""Deletes a stack's fleet, object by object, and waits until all are deleted."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from frameloom.kube import keda
from frameloom.kube.api import Cluster, Manifest, kind_name
from frameloom.kube.fleet import owned
from frameloom.kube.manifests import IMAGE
from frameloom.kube.readiness import Deadline, wait_until

# The label of the pods of all overlays.
PODS = {"app.kubernetes.io/name": IMAGE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The objects of a fleet in the order of deletion, the number of its pods, and whether to delete KEDA too."""

    objects: list[dict[str, Any]]
    pods: int
    with_keda: bool


def find_fleet(cluster: Cluster, *, stack: str, namespace: str) -> Fleet:
    """Return a stack's fleet; without objects if it does not exist."""
    objects = list(owned(cluster, stack))
    return Fleet(
        objects=objects,
        pods=sum(1 for _ in cluster.list("v1", "Pod", namespace=namespace, labels=PODS)) if objects else 0,
        with_keda=_keda_is_unshared(cluster, objects),
    )


def delete_fleet(
    cluster: Cluster, fleet: Fleet, *, namespace: str, deadline: Deadline, report: Callable[[str], None]
) -> list[Manifest]:
    """Delete a fleet, wait until its objects and pods no longer exist, and return the deleted objects.

    Its workers receive SIGTERM, and return their chunks to the queue.

    Raises:
        FarmUnavailable: objects remain at the deadline; the message names the first.
    """
    _delete(cluster, fleet.objects, deadline=deadline, report=report)

    def pods() -> list[str]:
        left = sum(1 for _ in cluster.list("v1", "Pod", namespace=namespace, labels=PODS))
        return [f"{left} pods are ending"] if left else []

    wait_until(pods, deadline=deadline, cluster=cluster, report=report)
    gone: list[Manifest] = list(fleet.objects)
    # Check again: another fleet may use KEDA by now. Delete it last, since it removes the finalizers of its objects.
    if fleet.with_keda and not any(keda.scaled(cluster)):
        rest = list(keda.installed(cluster))
        _delete(cluster, rest, deadline=deadline, report=report)
        gone += rest
    return gone


def _keda_is_unshared(cluster: Cluster, ours: Iterable[Manifest]) -> bool:
    """Return whether `frameloom fleet deploy` installed KEDA, and KEDA scales only this fleet."""
    mine = {each["metadata"]["uid"] for each in ours}
    return keda.ours(cluster) and all(each["metadata"]["uid"] in mine for each in keda.scaled(cluster))


def _delete(
    cluster: Cluster, objects: Iterable[Manifest], *, deadline: Deadline, report: Callable[[str], None]
) -> None:
    """Delete objects in order, and wait until none exists."""
    going = list(objects)
    for found in going:
        cluster.delete(found)
        report(f"Deleting {kind_name(found)}")

    def pending() -> list[str]:
        going[:] = [each for each in going if _exists(cluster, each)]
        return [f"{kind_name(each)} is being deleted" for each in going]

    wait_until(pending, deadline=deadline, cluster=cluster, report=report)


def _exists(cluster: Cluster, found: Manifest) -> bool:
    metadata = found["metadata"]
    now = cluster.find(found["apiVersion"], found["kind"], metadata["name"], namespace=metadata.get("namespace"))
    # A new object may have the same name.
    return now is not None and now["metadata"]["uid"] == metadata["uid"]
