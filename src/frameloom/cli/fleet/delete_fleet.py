"""What `frameloom fleet delete` does: the workers go, and what made them."""

from dataclasses import dataclass

from frameloom.aws.stack import find_stack
from frameloom.cli.confirm import check_askable, confirm
from frameloom.cli.display import make_display
from frameloom.cli.fleet.select_cluster import find_cluster
from frameloom.cli.output import tell_json
from frameloom.cli.terminal import say, warn
from frameloom.kube.api import Cluster, kind_name
from frameloom.kube.delete import Fleet, find_fleet, remove
from frameloom.kube.readiness import Deadline
from frameloom.model.counts import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the options say; `timeout` in seconds."""

    stack: str
    context: str | None
    timeout: float
    yes: bool


def run(order: Order, *, json: bool) -> None:
    """Delete a fleet, after showing what goes, and wait until it is gone.

    Raises:
        FarmError: it is not deleted, and why.
        KeyboardInterrupt: with what becomes of a deletion that was begun.
    """
    check_askable(yes=order.yes)
    try:
        with make_display(quiet=False, json=json) as display:
            display.say("Looking for the fleet")
            stack = find_stack(order.stack)
            cluster = find_cluster(stack, context=order.context, anywhere=True)
            fleet = find_fleet(cluster, stack=stack.name, namespace=stack.namespace)
        gone = []
        if fleet.objects:
            warn(*describe(cluster, fleet))
            confirm("Delete all of this? [y/N]", answer="y", yes=order.yes)
            with make_display(quiet=False, json=json) as display:
                gone = remove(
                    cluster, fleet, namespace=stack.namespace, deadline=Deadline(order.timeout), tell=display.say
                )
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Interrupted: the same command deletes what is left.") from None
    if json:
        objects = [{"kind": each["kind"], "name": each["metadata"]["name"]} for each in gone]
        tell_json({"stack": stack.name, "cluster": cluster.name, "deleted": objects})
    elif gone:
        say(f"The fleet of the stack {stack.name} is gone from the cluster {cluster.name}.")
    else:
        say(f"There is nothing of the stack {stack.name} in the cluster {cluster.name}.")


def describe(cluster: Cluster, fleet: Fleet) -> list[str]:
    """Return what goes with a fleet, in lines."""
    lines = [f"In the cluster {cluster.name}:"]
    lines += [f"  {kind_name(each)}" for each in fleet.objects]
    if fleet.pods:
        lines.append(f"  {counted(fleet.pods, 'pod')}; the chunks that their workers have begun go back to the queue")
    if fleet.with_keda:
        lines.append("  KEDA, which `frameloom fleet deploy` installed and nothing else uses")
    return lines
