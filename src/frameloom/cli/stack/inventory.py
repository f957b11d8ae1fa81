"""The contents of a deployed farm, which `frameloom stack delete` lists before it deletes them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from frameloom.aws import stack_deletion
from frameloom.aws.executions import JobExecutions
from frameloom.aws.purge import Contents, contents, count_images
from frameloom.aws.queue import read_depths
from frameloom.aws.stack import Stack
from frameloom.cli.fleet.select_cluster import find_cluster, is_gone
from frameloom.kube.api import Cluster
from frameloom.kube.fleet_deletion import Fleet, find_fleet
from frameloom.model.counts import counted
from frameloom.model.errors import FarmUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """A fleet and its cluster, which responds."""

    cluster: Cluster
    fleet: Fleet


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The contents of a farm.

    `jobs` has the ids of running jobs, `buckets` and `repositories` have their contents by name, without the frames.
    `workers` is None without a fleet, or if the cluster does not respond: `problem` then has the reason.
    """

    stack: Stack
    resources: int
    jobs: list[str]
    buckets: dict[str, Contents]
    frames: Contents | None
    repositories: dict[str, int]
    chunks: int
    workers: Workers | None
    problem: str | None


def take_inventory(stack: Stack, *, context: str | None, report: Callable[[str], None]) -> Inventory:
    """Return the contents of a farm; an interrupted deletion may have removed some.

    Args:
        stack: the farm's stack.
        context: a context of the kubeconfig; None for the stack's cluster.
        report: receives a progress message.

    Raises:
        FarmUnavailable: a cluster that does not belong to the stack does not respond, so that its objects would stay.
    """
    report("Reading the stack")
    resources = stack_deletion.resources(stack.id)
    buckets = {}
    for bucket in _ids(resources, stack_deletion.BUCKET):
        report(f"Counting the objects in {bucket}")
        if (found := contents(bucket)) is not None:
            buckets[bucket] = found
    frames = buckets.pop(stack.buckets.frames, None) or contents(stack.buckets.frames)
    report("Looking for the fleet")
    workers, problem = _workers(stack, context=context)
    return Inventory(
        stack=stack,
        resources=len(resources),
        jobs=list(JobExecutions(stack.machine).running()),
        buckets=buckets,
        frames=frames,
        repositories={name: count_images(name) for name in _ids(resources, stack_deletion.REPOSITORY)},
        chunks=_chunks(stack),
        workers=workers,
        problem=problem,
    )


def describe(found: Inventory, *, with_frames: bool) -> list[str]:
    """Return lines that list the contents to delete, and the frames if they stay."""
    stack = found.stack
    lines = [f"The stack {stack.name} with its {counted(found.resources, 'resource')}:"]
    lines.append(f"  {counted(len(found.jobs), 'running job')}, {counted(found.chunks, 'chunk')} in the queue")
    lines += [f"  bucket {name} with {amount(held)}" for name, held in found.buckets.items()]
    lines += [f"  image repository {name} with {counted(count, 'image')}" for name, count in found.repositories.items()]
    if found.workers is not None:
        pods = found.workers.fleet.pods
        lines.append(f"  the fleet in the cluster {found.workers.cluster.name}, with {counted(pods, 'pod')}")
    if stack.owns_cluster and stack.cluster is not None:
        lines.append(f"  the cluster {stack.cluster}, with everything that runs in it")
    if found.frames is not None:
        frames = f"bucket {stack.buckets.frames} with {amount(found.frames)}"
        lines.append(f"  the frames: {frames}" if with_frames else f"The frames stay: {frames}.")
    return lines


def amount(held: Contents) -> str:
    """Return the number and the size of a bucket's objects as text."""
    size, unit = float(held.size), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    figure = counted(held.size, "byte") if unit == "bytes" else f"{size:,.1f} {unit}"
    return f"{'more than ' if held.more else ''}{counted(held.objects, 'object')}, {figure}"


def _ids(resources: list[stack_deletion.Resource], kind: str) -> list[str]:
    return [resource.id for resource in resources if resource.type == kind and resource.id]


def _workers(stack: Stack, *, context: str | None) -> tuple[Workers | None, str | None]:
    """Return the fleet; or None, and why the stack's own cluster does not respond."""
    if context is None and (stack.cluster is None or is_gone(stack.cluster)):
        return None, None
    try:
        cluster = find_cluster(stack, context=context, anywhere=True)
        fleet = find_fleet(cluster, stack=stack.name, namespace=stack.namespace)
    except FarmUnavailable as error:
        if stack.owns_cluster:
            return None, f"{error} The fleet will be deleted with the cluster."
        raise FarmUnavailable(
            problem=f"{error} The fleet of the stack {stack.name!r} would stay in that cluster: nothing was deleted."
        ) from None
    if stack.owns_cluster:
        # KEDA is deleted with the cluster.
        fleet = replace(fleet, with_keda=False)
    return (Workers(cluster=cluster, fleet=fleet) if fleet.objects else None), None


def _chunks(stack: Stack) -> int:
    try:
        left = read_depths(stack.chunk_queue, stack.dead_letter_queue)
    except FarmUnavailable:
        # An earlier deletion may have deleted the queue.
        return 0
    return left.waiting + left.in_flight
