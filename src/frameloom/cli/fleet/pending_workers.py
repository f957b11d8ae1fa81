"""The reasons why a stack's workers do not start, for commands that otherwise need no cluster."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from frameloom.aws.stack import find_stack
from frameloom.cli.optional_deps import extra

if TYPE_CHECKING:
    from frameloom.kube.pending_reasons import Wait


def fleet_waits(name: str) -> "Sequence[Wait]":
    """Return why a stack's workers do not start; empty if the stack has no cluster.

    Raises:
        FarmUnavailable: the cluster cannot be reached.
    """
    stack = find_stack(name)
    if stack.cluster is None:
        return []
    with extra("fleet"):
        from frameloom.cli.fleet.select_cluster import find_cluster  # noqa: PLC0415
        from frameloom.kube.fleet_status import why_workers_wait  # noqa: PLC0415

        return why_workers_wait(find_cluster(stack, context=None), stack.namespace)
