"""What a deployed farm holds, as `frameloom farm delete` shows it before it all goes."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from frameloom.aws import stack_deletion
from frameloom.aws.depths import depths
from frameloom.aws.jobs import running_jobs
from frameloom.aws.purge import Contents, contents, count_images
from frameloom.aws.stack import Stack
from frameloom.cli.fleet.select_cluster import find_cluster, is_gone
from frameloom.kube.api import Cluster
from frameloom.kube.delete import Fleet, find_fleet
from frameloom.model.counts import counted
from frameloom.model.errors import FarmUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """A fleet in a cluster that answers."""

    cluster: Cluster
    fleet: Fleet


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What there is; `buckets` and `repositories` by name, `jobs` as ARNs, `problem` why a cluster does not answer."""

    stack: Stack
    resources: int
    jobs: list[str]
    buckets: dict[str, Contents]
    frames: Contents | None
    repositories: dict[str, int]
    chunks: int
    workers: Workers | None
    problem: str | None


def survey(stack: Stack, *, context: str | None, tell: Callable[[str], None]) -> Survey:
    """Return what a farm holds; what an earlier deletion has taken is not there.

    Raises:
        FarmUnavailable: a cluster that is not the stack's own does not answer: what runs there would be left behind.
    """
    tell("Looking at the stack")
    resources = stack_deletion.resources(stack.id)
    buckets = {}
    for bucket in _ids(resources, stack_deletion.BUCKET):
        tell(f"Counting what is in {bucket}")
        if (found := contents(bucket)) is not None:
            buckets[bucket] = found
    frames = buckets.pop(stack.buckets.frames, None) or contents(stack.buckets.frames)
    tell("Looking for the fleet")
    workers, problem = _workers(stack, context=context)
    return Survey(
        stack=stack,
        resources=len(resources),
        jobs=running_jobs(stack.machine),
        buckets=buckets,
        frames=frames,
        repositories={name: count_images(name) for name in _ids(resources, stack_deletion.REPOSITORY)},
        chunks=_chunks(stack),
        workers=workers,
        problem=problem,
    )


def describe(found: Survey, *, with_frames: bool) -> list[str]:
    """Return what goes and what stays, in lines."""
    stack = found.stack
    lines = [f"The stack {stack.name} with its {counted(found.resources, 'resource')}:"]
    lines.append(f"  {counted(len(found.jobs), 'running job')}, {counted(found.chunks, 'chunk')} in the queue")
    lines += [f"  bucket {name} with {amount(held)}" for name, held in found.buckets.items()]
    lines += [f"  image repository {name} with {counted(count, 'image')}" for name, count in found.repositories.items()]
    if found.workers is not None:
        pods = found.workers.fleet.pods
        lines.append(f"  the fleet in the cluster {found.workers.cluster.name}, with {counted(pods, 'pod')}")
    if stack.owns_cluster and stack.cluster is not None:
        lines.append(f"  the cluster {stack.cluster}, with all that runs in it")
    if found.frames is not None:
        what = f"bucket {stack.buckets.frames} with {amount(found.frames)}"
        lines.append(f"  the frames: {what}" if with_frames else f"The frames stay: {what}.")
    return lines


def amount(held: Contents) -> str:
    """Return how much a bucket holds, for people."""
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
    """Return the fleet, or why it cannot be seen where that does not matter."""
    if context is None and (stack.cluster is None or is_gone(stack.cluster)):
        return None, None
    try:
        cluster = find_cluster(stack, context=context, anywhere=True)
        fleet = find_fleet(cluster, stack=stack.name, namespace=stack.namespace)
    except FarmUnavailable as error:
        if stack.owns_cluster:
            return None, f"{error} It goes with the stack all the same."
        raise FarmUnavailable(
            problem=f"{error} What the stack {stack.name!r} runs there would stay: nothing was deleted."
        ) from None
    if stack.owns_cluster:
        # KEDA goes with the cluster.
        fleet = replace(fleet, with_keda=False)
    return (Workers(cluster=cluster, fleet=fleet) if fleet.objects else None), None


def _chunks(stack: Stack) -> int:
    try:
        left = depths(stack)
    except FarmUnavailable:
        # The queue may have gone with an earlier deletion.
        return 0
    return left.waiting + left.in_flight
