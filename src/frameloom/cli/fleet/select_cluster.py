"""Selects the cluster of a command: that of the stack, or that of a context of the kubeconfig."""

from collections.abc import Callable
from urllib.parse import urlsplit

from frameloom.aws import eks
from frameloom.aws.stack import Stack
from frameloom.kube.api import Cluster
from frameloom.kube.connection import connect, connect_context
from frameloom.model.errors import FarmUnavailable, InvalidRequest


def find_cluster(stack: Stack, *, context: str | None, anywhere: bool = False) -> Cluster:
    """Connect to the cluster of a stack's fleet.

    Args:
        stack: the fleet's stack.
        context: a context of the kubeconfig; None for the stack's cluster.
        anywhere: whether the context may name a cluster other than the stack's.

    Raises:
        InvalidRequest: the context does not exist, or names another cluster.
        FarmUnavailable: the stack has no cluster, or the cluster cannot be reached or does not accept the user.
    """
    name = stack.cluster if context is None or not anywhere else None
    found = None if name is None else _look_up(stack, name)
    if context is not None:
        cluster = connect_context(context, remedy=_remedy(stack))
        if found is not None and _place(cluster.server) != _place(found.endpoint):
            raise InvalidRequest(
                field="--context",
                problem=f"{context!r} names the cluster at {cluster.server}, but the stack {stack.name!r} uses "
                f"{found.name} at {found.endpoint}",
            )
        return cluster
    if found is None:
        raise FarmUnavailable(
            problem=f"The stack {stack.name!r} has no cluster: deploy it with Cluster=create or Cluster=existing, "
            "or name a cluster with --context."
        )
    cluster_name = found.name
    return connect(
        name=cluster_name,
        endpoint=found.endpoint,
        certificate=found.certificate,
        token=lambda: eks.token(cluster_name),
        remedy=_remedy(stack),
    )


def is_gone(name: str) -> bool:
    """Return whether a cluster does not exist; False if that is unknown."""
    try:
        eks.find_cluster(name)
    except LookupError:
        return True
    except FarmUnavailable:
        return False
    return False


def _look_up(stack: Stack, name: str) -> eks.EksCluster:
    try:
        return eks.find_cluster(name)
    except LookupError:
        raise FarmUnavailable(problem=f"The cluster {name} of the stack {stack.name!r} does not exist.") from None


def _remedy(stack: Stack) -> Callable[[], str]:
    """Return a function that returns advice for a user who lacks a right."""

    def advice() -> str:
        if stack.cluster is None:
            return "ask its administrator for access"
        arn = eks.caller() or "the ARN of your role or user"
        return f"deploy the stack {stack.name!r} with ClusterAdminArn={arn}, or ask its administrator for access"

    return advice


def _place(url: str) -> tuple[str, int]:
    """Return the host and the port of a URL."""
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or (80 if parts.scheme == "http" else 443)
