"""Applies the objects of a stack's fleet in order, and deletes objects that an earlier overlay left."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

from frameloom.kube.api import Cluster, Manifest, kind_name
from frameloom.kube.api_errors import forbidden
from frameloom.kube.manifests import STACK, labels_of
from frameloom.model.errors import FarmUnavailable

# The kinds of a fleet's objects, in the order of deletion. Scalers come first, so that nothing starts workers during
# the deletion. Objects of other kinds, from a user's own overlay, are deleted with the namespace.
KINDS = (
    ("keda.sh/v1alpha1", "ScaledJob"),
    ("batch/v1", "CronJob"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("apps/v1", "Deployment"),
    ("keda.sh/v1alpha1", "TriggerAuthentication"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("v1", "ConfigMap"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("v1", "ServiceAccount"),
    ("karpenter.sh/v1", "NodePool"),
    ("v1", "Namespace"),
)
# Order of application: first the objects that others need, last the scalers and Deployments, all others in between.
_FIRST = ("Namespace", "CustomResourceDefinition", "ServiceAccount", "ConfigMap", "NetworkPolicy", "NodePool")
_LAST = ("TriggerAuthentication", "Deployment", "HorizontalPodAutoscaler", "ScaledJob")


class Change(StrEnum):
    """The effect of a deployment on an object."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    DELETED = "deleted"


def in_order(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Return objects in an order in which each comes after the objects that it needs."""

    def rank(manifest: Manifest) -> int:
        kind = manifest["kind"]
        if kind in _LAST:
            return len(_FIRST) + 1 + _LAST.index(kind)
        return _FIRST.index(kind) if kind in _FIRST else len(_FIRST)

    return sorted(manifests, key=rank)


def check_rights(cluster: Cluster, manifests: Iterable[Manifest]) -> None:
    """Check that the user may apply all manifests, before any is applied.

    Raises:
        FarmUnavailable: a right is missing; the message names the first.
    """
    asked = set()
    for manifest in manifests:
        kind = (manifest["kind"], manifest["metadata"].get("namespace"))
        for verb in ("patch", "create", "list", "delete"):
            if kind not in asked and not cluster.may(verb, manifest):
                place = f" in namespace {kind[1]}" if kind[1] else ""
                raise FarmUnavailable(problem=forbidden(cluster, f"{verb} a {kind[0]}{place}"))
        asked.add(kind)


def check_node_classes(cluster: Cluster, manifests: Iterable[Manifest]) -> None:
    """Check that the classes of the node pools exist; without its class a pool never has a node.

    Skip the check without the right to read a class, and in a cluster without node pools.

    Raises:
        FarmUnavailable: a class is missing; the message names the first.
    """
    for pool in (each for each in manifests if each["kind"] == "NodePool"):
        wanted = pool["spec"]["template"]["spec"]["nodeClassRef"]
        version, kind, name = f"{wanted['group']}/v1", wanted["kind"], wanted["name"]
        if not cluster.knows(pool["apiVersion"], "NodePool"):
            return
        if not cluster.may("get", {"apiVersion": version, "kind": kind, "metadata": {"name": name}}):
            continue
        if cluster.find(version, kind, name) is None:
            raise FarmUnavailable(
                problem=f"{kind_name(pool)} needs the {kind} {name!r}, which the cluster {cluster.name} does not have: "
                "EKS Auto Mode creates 'default' with the first built-in node pool, general-purpose or system. "
                "Enable one of the two, or name another class in your own overlay."
            )


def check_namespace(cluster: Cluster, name: str, stack: str) -> bool:
    """Return whether a namespace belongs to this stack or does not exist yet; False if it is foreign.

    Raises:
        FarmUnavailable: it belongs to another stack.
    """
    found = cluster.find("v1", "Namespace", name)
    if found is None:
        return True
    labels, ours = found["metadata"].get("labels") or {}, labels_of(stack)
    if ours.items() <= labels.items():
        return True
    if STACK in labels:
        raise FarmUnavailable(
            problem=f"The namespace {name} of the cluster {cluster.name} belongs to the stack {labels[STACK]!r}: "
            "deploy one of the two stacks with another FleetNamespace."
        )
    return False


def apply(cluster: Cluster, manifests: Iterable[Manifest]) -> Iterator[tuple[Manifest, Change]]:
    """Apply objects in order; yield each with the change."""
    for manifest in in_order(manifests):
        metadata = manifest["metadata"]
        before = cluster.find(
            manifest["apiVersion"], manifest["kind"], metadata["name"], namespace=metadata.get("namespace")
        )
        after = cluster.apply(manifest)
        yield manifest, _change(before, after)


def prune(cluster: Cluster, manifests: Iterable[Manifest], *, stack: str) -> Iterator[Manifest]:
    """Delete the stack's objects that are not among `manifests`; yield them."""
    wanted = {_identity(manifest) for manifest in manifests}
    for found in owned(cluster, stack):
        if _identity(found) not in wanted and "deletionTimestamp" not in found["metadata"]:
            cluster.delete(found)
            yield found


def owned(cluster: Cluster, stack: str) -> Iterator[dict[str, Any]]:
    """Yield the objects with a stack's labels in the order of deletion."""
    for api_version, kind in KINDS:
        yield from cluster.list(api_version, kind, labels=labels_of(stack))


def _change(before: dict[str, Any] | None, after: dict[str, Any]) -> Change:
    if before is None:
        return Change.CREATED
    # The resource version also counts changes of the status, but only some kinds have a generation.
    field = "generation" if "generation" in before["metadata"] else "resourceVersion"
    same = before["metadata"].get(field) == after["metadata"].get(field)
    return Change.UNCHANGED if same else Change.CHANGED


def _identity(manifest: Manifest) -> tuple[str, str, str]:
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace") or "", metadata["name"]
