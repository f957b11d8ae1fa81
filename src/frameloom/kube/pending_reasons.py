"""Finds why workers do not start: the reasons in Kubernetes for pending pods and for Jobs without a pod."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from frameloom.kube import job_cleanup
from frameloom.kube.api import Cluster
from frameloom.model.errors import FarmUnavailable

# The pod is starting: its node pulls the image or creates its volumes.
STARTING = "Starting"
# Kubernetes alternates between these two for the same image.
_PULLING, _BACKING_OFF = "ErrImagePull", "ImagePullBackOff"
_ON_ITS_WAY = ("ContainerCreating", "PodInitializing")
# The longest message, in characters; a scheduler's message lists every kind of node.
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A reason why workers wait, the number of these workers, and the message of one of them."""

    reason: str
    workers: int
    message: str = ""

    def __str__(self) -> str:
        noun = "worker waits" if self.workers == 1 else "workers wait"
        return f"{self.workers:,} {noun}: {self.reason}" + (f" ({self.message})" if self.message else "")


def waits(cluster: Cluster, namespace: str, jobs: Iterable[Mapping[str, Any]], pods: Iterable[Any]) -> list[Wait]:
    """Return why pods are pending and Jobs have no pod, the most frequent reason first."""
    counted: Counter[str] = Counter()
    messages: dict[str, str] = {}
    for reason, message in [*_of_pods(pods := list(pods)), *_of_jobs(cluster, namespace, jobs, pods)]:
        counted[reason] += 1
        messages.setdefault(reason, _one_line(message))
    return [Wait(reason=reason, workers=count, message=messages[reason]) for reason, count in counted.most_common()]


def _of_pods(pods: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for pod in pods:
        status = pod.get("status") or {}
        if status.get("phase") == "Pending" and "deletionTimestamp" not in pod["metadata"]:
            yield _of_containers(status) or _of_scheduling(status) or (STARTING, "")


def _of_containers(status: Mapping[str, Any]) -> tuple[str, str] | None:
    for each in (*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])):
        waiting = (each.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason")
        if reason in (_PULLING, _BACKING_OFF):
            return _BACKING_OFF, each.get("image") or waiting.get("message") or ""
        if reason and reason not in _ON_ITS_WAY:
            return reason, waiting.get("message") or ""
    return None


def _of_scheduling(status: Mapping[str, Any]) -> tuple[str, str] | None:
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return condition.get("reason") or "Unschedulable", condition.get("message") or ""
    return None


def _of_jobs(
    cluster: Cluster, namespace: str, jobs: Iterable[Mapping[str, Any]], pods: list[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """Yield reasons why Jobs have no pod, such as a quota."""
    unfinished = {job["metadata"]["name"] for job in jobs if not job_cleanup.is_finished(job)}
    without = unfinished - set(map(job_cleanup.job_of, pods))
    if not without:
        return
    reasons: dict[str, tuple[str, str]] = {}
    # Without the right to read events, the number of Jobs is still returned.
    with suppress(FarmUnavailable):
        for event in cluster.list("v1", "Event", namespace=namespace):
            about = event.get("involvedObject") or {}
            if about.get("kind") == "Job" and event.get("reason") == "FailedCreate":
                reasons[about.get("name", "")] = "FailedCreate", event.get("message") or ""
    yield from (reasons.get(name, (STARTING, "")) for name in sorted(without))


def _one_line(message: str) -> str:
    text = "".join(each for each in " ".join(message.split()) if each.isprintable())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
