"""Why the workers of a stack do not start, for commands that need no cluster otherwise."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from frameloom.aws.stack import find_stack
from frameloom.cli.extras import extra

if TYPE_CHECKING:
    from frameloom.kube.waiting import Wait


def fleet_waits(name: str) -> "Sequence[Wait]":
    """Return the reasons for which a stack's workers wait; none where the stack has no cluster.

    Raises:
        FarmUnavailable: the cluster cannot be asked, and why.
    """
    stack = find_stack(name)
    if stack.cluster is None:
        return []
    with extra("fleet"):
        from frameloom.cli.clusters import find_cluster  # noqa: PLC0415
        from frameloom.kube.observe import why_workers_wait  # noqa: PLC0415

        return why_workers_wait(find_cluster(stack, context=None), stack.namespace)
