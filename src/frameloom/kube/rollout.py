"""Waits until a worker of a new deployment can start, and deletes Jobs of earlier versions that never started."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from frameloom.kube import job_cleanup
from frameloom.kube.api import Cluster, Manifest
from frameloom.kube.api_errors import forbidden
from frameloom.kube.fleet_status import why_workers_wait, workers_of
from frameloom.kube.manifests import WORKER
from frameloom.kube.pending_reasons import Wait, waits
from frameloom.kube.readiness import Deadline, wait_until
from frameloom.model.counts import counted
from frameloom.model.errors import FarmUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The result of a wait for workers: names of the deleted Jobs, and why some workers still wait."""

    deleted: list[str] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)


# The required rights, besides those to apply a fleet.
_RIGHTS = (("batch/v1", "Job", "list"), ("batch/v1", "Job", "delete"), ("v1", "Pod", "list"))


def check_rights(cluster: Cluster, namespace: str) -> None:
    """Check that the user may list and delete the Jobs of a fleet.

    Raises:
        FarmUnavailable: a right is missing; the message names the first.
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
    report: Callable[[str], None],
) -> Started:
    """Delete earlier versions' Jobs that never started; while chunks wait, wait until a worker of this version starts.

    KEDA must scale the fleet.

    Args:
        cluster: the fleet's cluster.
        namespace: the fleet's namespace.
        chunks: returns how many chunks wait for a worker.
        deadline: for the wait.
        report: receives a progress message.

    Raises:
        FarmUnavailable: no worker has started at the deadline; the message has the reasons.
    """
    deleted: list[str] = []

    def pending() -> list[str]:
        # Each time: KEDA may make more Jobs of an earlier version until it has read this one.
        deleted.extend(delete_stale(cluster, namespace))
        return _pending(cluster, namespace, chunks=chunks)

    wait_until(pending, deadline=deadline, cluster=cluster, report=report)
    return Started(deleted=deleted, waits=why_workers_wait(cluster, namespace))


def delete_stale(cluster: Cluster, namespace: str) -> Iterator[str]:
    """Delete the Jobs of earlier versions of the ScaledJob that have no started pod; yield their names.

    A Job that changes meanwhile stays. If a pod starts at that moment, its worker receives SIGTERM and returns its
    message.
    """
    scaled_job = _scaled_job(cluster, namespace)
    if scaled_job is None:
        return
    pods, jobs = workers_of(cluster, namespace)
    for job in job_cleanup.unstarted(jobs, pods):
        if job_cleanup.is_stale(job, scaled_job) and cluster.delete_unchanged(job, job_cleanup.deletion(job)):
            yield job["metadata"]["name"]


def _pending(cluster: Cluster, namespace: str, *, chunks: Callable[[], int]) -> list[str]:
    scaled_job = _scaled_job(cluster, namespace)
    if scaled_job is None:
        return []
    pods, jobs = workers_of(cluster, namespace)
    stale = [job for job in job_cleanup.unstarted(jobs, pods) if job_cleanup.is_stale(job, scaled_job)]
    if stale:
        # They changed before they could be deleted, or KEDA has just made them.
        return [f"{counted(len(stale), 'Job')} of earlier deploys not deleted yet"]
    unfinished = [job for job in jobs if not job_cleanup.is_finished(job)]
    ours = [job for job in unfinished if not job_cleanup.is_stale(job, scaled_job)]
    names = {job["metadata"]["name"] for job in ours}
    our_pods = [pod for pod in pods if job_cleanup.job_of(pod) in names]
    if any(map(job_cleanup.has_started, our_pods)):
        return []
    if ours:
        return [str(each) for each in waits(cluster, namespace, ours, our_pods)]
    # Busy workers of an earlier version may use the whole fleet; then no worker of this version can start yet.
    waiting = 0 if unfinished else chunks()
    wait = "1 chunk waits" if waiting == 1 else f"{waiting:,} chunks wait"
    return [f"{wait}, and KEDA has started no worker yet"] if waiting else []


def _scaled_job(cluster: Cluster, namespace: str) -> Manifest | None:
    return cluster.find("keda.sh/v1alpha1", "ScaledJob", WORKER, namespace=namespace)
