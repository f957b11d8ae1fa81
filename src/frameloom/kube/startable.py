"""Whether a worker of a fleet that was just deployed could start, and the Jobs of earlier versions in its way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from frameloom.kube import job_cleanup
from frameloom.kube.api import Cluster, Manifest
from frameloom.kube.manifests import WORKER
from frameloom.kube.observe import why_workers_wait, workers_of
from frameloom.kube.readiness import Deadline, wait_until
from frameloom.kube.refusals import forbidden
from frameloom.kube.waiting import Wait, waits
from frameloom.model.counts import counted
from frameloom.model.errors import FarmUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What a wait for workers came to: names of the Jobs that it deleted, and why some workers still wait."""

    deleted: list[str] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)


# What it takes beside the rights to apply a fleet.
_RIGHTS = (("batch/v1", "Job", "list"), ("batch/v1", "Job", "delete"), ("v1", "Pod", "list"))


def check_rights(cluster: Cluster, namespace: str) -> None:
    """Make sure that the Jobs of a fleet may be looked through and deleted.

    Raises:
        FarmUnavailable: naming the first right that is missing.
    """
    for version, kind, verb in _RIGHTS:
        if not cluster.may(verb, {"apiVersion": version, "kind": kind, "metadata": {"namespace": namespace}}):
            raise FarmUnavailable(problem=forbidden(cluster, f"{verb} a {kind} in namespace {namespace}"))


def wait_startable(
    cluster: Cluster,
    namespace: str,
    *,
    chunks: Callable[[], int],
    deadline: Deadline,
    tell: Callable[[str], None],
) -> Started:
    """Delete earlier versions' Jobs that never started, and wait until a worker of this version starts, if any is due.

    While no chunk waits, none is due, and nothing is waited for. The fleet is one that KEDA scales.

    Args:
        cluster: where the fleet is.
        namespace: of the fleet.
        chunks: returns how many chunks wait for a worker.
        deadline: for the wait.
        tell: given what is waited for.

    Raises:
        FarmUnavailable: no worker has started when time is up, and why.
    """
    deleted: list[str] = []

    def pending() -> list[str]:
        # At each look: KEDA may make some more of an earlier version until it has seen this one.
        deleted.extend(delete_stale(cluster, namespace))
        return _lacks(cluster, namespace, chunks=chunks)

    wait_until(pending, deadline=deadline, cluster=cluster, tell=tell)
    return Started(deleted=deleted, waits=why_workers_wait(cluster, namespace))


def delete_stale(cluster: Cluster, namespace: str) -> Iterator[str]:
    """Delete the Jobs that an earlier version of the ScaledJob made and of which no pod has started; yield their names.

    A Job that changes meanwhile stays. Should a pod start at that very moment, its worker is told to go, and gives back
    what it has received.
    """
    scaled_job = _scaled_job(cluster, namespace)
    if scaled_job is None:
        return
    pods, jobs = workers_of(cluster, namespace)
    for job in job_cleanup.unstarted(jobs, pods):
        if job_cleanup.is_stale(job, scaled_job) and cluster.delete_unchanged(job, job_cleanup.deletion(job)):
            yield job["metadata"]["name"]


def _lacks(cluster: Cluster, namespace: str, *, chunks: Callable[[], int]) -> list[str]:
    scaled_job = _scaled_job(cluster, namespace)
    if scaled_job is None:
        return []
    pods, jobs = workers_of(cluster, namespace)
    stale = [job for job in job_cleanup.unstarted(jobs, pods) if job_cleanup.is_stale(job, scaled_job)]
    if stale:
        # They changed as they were to be deleted, or KEDA has just made them.
        return [f"{counted(len(stale), 'Job')} of earlier deploys not deleted yet"]
    unfinished = [job for job in jobs if not job_cleanup.is_finished(job)]
    ours = [job for job in unfinished if not job_cleanup.is_stale(job, scaled_job)]
    names = {job["metadata"]["name"] for job in ours}
    our_pods = [pod for pod in pods if job_cleanup.job_of(pod) in names]
    if any(map(job_cleanup.has_started, our_pods)):
        return []
    if ours:
        return [str(each) for each in waits(cluster, namespace, ours, our_pods)]
    # Workers of an earlier version that are busy may hold all places; then nothing of this one is due.
    waiting = 0 if unfinished else chunks()
    wait = "1 chunk waits" if waiting == 1 else f"{waiting:,} chunks wait"
    return [f"{wait}, and KEDA has started no worker yet"] if waiting else []


def _scaled_job(cluster: Cluster, namespace: str) -> Manifest | None:
    return cluster.find("keda.sh/v1alpha1", "ScaledJob", WORKER, namespace=namespace)
