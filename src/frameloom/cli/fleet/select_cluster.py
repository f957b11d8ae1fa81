"""The cluster that a command works with: the stack's own, or the one that a context of the kubeconfig names."""

from collections.abc import Callable
from urllib.parse import urlsplit

from frameloom.aws import eks
from frameloom.aws.stack import Stack
from frameloom.kube.api import Cluster
from frameloom.kube.connection import connect, connect_context
from frameloom.model.errors import FarmUnavailable, InvalidRequest


def find_cluster(stack: Stack, *, context: str | None, anywhere: bool = False) -> Cluster:
    """Return the cluster of a stack, connected.

    Args:
        stack: whose fleet it is.
        context: of the kubeconfig; None stands for what the stack says.
        anywhere: whether the context may lead to another cluster than the stack's.

    Raises:
        InvalidRequest: there is no such context, or it leads elsewhere.
        FarmUnavailable: there is no cluster, it cannot be reached, or it does not know who asks.
    """
    asked = stack.cluster if context is None or not anywhere else None
    found = None if asked is None else _look_up(stack, asked)
    if context is not None:
        cluster = connect_context(context, remedy=_remedy(stack))
        if found is not None and _place(cluster.server) != _place(found.endpoint):
            raise InvalidRequest(
                field="--context",
                problem=f"{context!r} leads to {cluster.server}, but the cluster of the stack {stack.name!r} is "
                f"{found.name} at {found.endpoint}",
            )
        return cluster
    if found is None:
        raise FarmUnavailable(
            problem=f"The stack {stack.name!r} has no cluster: deploy it with Cluster=create or Cluster=existing, "
            "or name a cluster of yours with --context."
        )
    name = found.name
    return connect(
        name=name,
        endpoint=found.endpoint,
        certificate=found.certificate,
        token=lambda: eks.token(name),
        remedy=_remedy(stack),
    )


def is_gone(name: str) -> bool:
    """Return whether there is no cluster of a name any more; one that cannot be used is not gone."""
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
        raise FarmUnavailable(problem=f"The cluster {name} of the stack {stack.name!r} is not there.") from None


def _remedy(stack: Stack) -> Callable[[], str]:
    """Return what makes the advice for one who lacks a right."""

    def advice() -> str:
        if stack.cluster is None:
            return "ask whoever runs it for access"
        who = eks.caller()
        you = "the ARN of your role or user" if who is None else who
        return f"deploy the stack {stack.name!r} with ClusterAdminArn={you}, or ask whoever runs the cluster for access"

    return advice


def _place(url: str) -> tuple[str, int]:
    """Return the host and the port that a URL leads to."""
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or (80 if parts.scheme == "http" else 443)
