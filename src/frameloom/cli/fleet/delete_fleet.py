"""`frameloom fleet delete`: deletes a fleet's workers and the objects that start them."""

from dataclasses import dataclass

from frameloom.aws.stack import find_stack
from frameloom.cli.confirm import check_askable, confirm
from frameloom.cli.display import make_display
from frameloom.cli.fleet.select_cluster import find_cluster
from frameloom.cli.output import tell_json
from frameloom.cli.terminal import say, warn
from frameloom.kube import fleet_deletion
from frameloom.kube.api import Cluster, kind_name
from frameloom.kube.readiness import Deadline
from frameloom.model.counts import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command's options; `timeout` in seconds."""

    stack: str
    context: str | None
    timeout: float
    yes: bool


def run(options: Options, *, json: bool) -> None:
    """Delete a fleet, after a list of its objects and a question, and wait until they no longer exist.

    Raises:
        FarmError: the fleet was not deleted, or not completely.
        KeyboardInterrupt: with how to continue.
    """
    check_askable(yes=options.yes)
    try:
        with make_display(quiet=False, json=json) as display:
            display.say("Looking for the fleet")
            stack = find_stack(options.stack)
            cluster = find_cluster(stack, context=options.context, anywhere=True)
            fleet = fleet_deletion.find_fleet(cluster, stack=stack.name, namespace=stack.namespace)
        deleted = []
        if fleet.objects:
            warn(*describe(cluster, fleet))
            confirm("Delete all of this? [y/N]", answer="y", yes=options.yes)
            with make_display(quiet=False, json=json) as display:
                deleted = fleet_deletion.delete_fleet(
                    cluster, fleet, namespace=stack.namespace, deadline=Deadline(options.timeout), report=display.say
                )
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Interrupted: run the same command again to delete the rest.") from None
    if json:
        objects = [{"kind": each["kind"], "name": each["metadata"]["name"]} for each in deleted]
        tell_json({"stack": stack.name, "cluster": cluster.name, "deleted": objects})
    elif deleted:
        say(f"The fleet of the stack {stack.name} was deleted from the cluster {cluster.name}.")
    else:
        say(f"The stack {stack.name} has no fleet in the cluster {cluster.name}.")


def describe(cluster: Cluster, fleet: fleet_deletion.Fleet) -> list[str]:
    """Return lines that list the objects to delete."""
    lines = [f"In the cluster {cluster.name}:"]
    lines += [f"  {kind_name(each)}" for each in fleet.objects]
    if fleet.pods:
        lines.append(f"  {counted(fleet.pods, 'pod')}; their workers return unfinished chunks to the queue")
    if fleet.with_keda:
        lines.append("  KEDA, which `frameloom fleet deploy` installed and no other fleet uses")
    return lines
