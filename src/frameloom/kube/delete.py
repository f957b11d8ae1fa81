"""A stack's fleet taken away: what goes, in which order, and the wait until it is gone."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from frameloom.kube import keda
from frameloom.kube.api import Cluster, Manifest, kind_name
from frameloom.kube.fleet import owned
from frameloom.kube.manifests import IMAGE
from frameloom.kube.readiness import Deadline, wait_until

# What the pods of every overlay carry.
PODS = {"app.kubernetes.io/name": IMAGE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What there is of a fleet: its objects in the order in which they go, its pods, and whether KEDA goes too."""

    objects: list[dict[str, Any]]
    pods: int
    with_keda: bool


def find_fleet(cluster: Cluster, *, stack: str, namespace: str) -> Fleet:
    """Return what there is of a stack's fleet."""
    objects = list(owned(cluster, stack))
    return Fleet(
        objects=objects,
        pods=sum(1 for _ in cluster.list("v1", "Pod", namespace=namespace, labels=PODS)) if objects else 0,
        with_keda=_lonely_keda(cluster, objects),
    )


def remove(
    cluster: Cluster, fleet: Fleet, *, namespace: str, deadline: Deadline, tell: Callable[[str], None]
) -> list[Manifest]:
    """Delete a fleet, wait until it is gone, and return what went.

    Its workers are told to go, and give the chunks that they have begun back to the queue.

    Raises:
        FarmUnavailable: naming what is still there when time is up.
    """
    _delete(cluster, fleet.objects, deadline=deadline, tell=tell)

    def pods() -> list[str]:
        left = sum(1 for _ in cluster.list("v1", "Pod", namespace=namespace, labels=PODS))
        return [f"{left} pods are ending"] if left else []

    wait_until(pods, deadline=deadline, cluster=cluster, tell=tell)
    gone: list[Manifest] = list(fleet.objects)
    # Asked again, now that ours is gone: only KEDA itself lets go of what it scales.
    if fleet.with_keda and not any(keda.scaled(cluster)):
        rest = list(keda.installed(cluster))
        _delete(cluster, rest, deadline=deadline, tell=tell)
        gone += rest
    return gone


def _lonely_keda(cluster: Cluster, ours: Iterable[Manifest]) -> bool:
    """Return whether KEDA was installed by us and scales nothing but this fleet."""
    mine = {each["metadata"]["uid"] for each in ours}
    return keda.ours(cluster) and all(each["metadata"]["uid"] in mine for each in keda.scaled(cluster))


def _delete(cluster: Cluster, objects: Iterable[Manifest], *, deadline: Deadline, tell: Callable[[str], None]) -> None:
    """Delete objects in their order, and wait until the last is gone."""
    going = list(objects)
    for found in going:
        cluster.delete(found)
        tell(f"Deleting {kind_name(found)}")

    def pending() -> list[str]:
        going[:] = [each for each in going if _there(cluster, each)]
        return [f"{kind_name(each)} is being deleted" for each in going]

    wait_until(pending, deadline=deadline, cluster=cluster, tell=tell)


def _there(cluster: Cluster, found: Manifest) -> bool:
    metadata = found["metadata"]
    now = cluster.find(found["apiVersion"], found["kind"], metadata["name"], namespace=metadata.get("namespace"))
    # Another one of the same name may have been made since.
    return now is not None and now["metadata"]["uid"] == metadata["uid"]
