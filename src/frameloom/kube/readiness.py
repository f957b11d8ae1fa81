"""Decides whether objects are ready, and waits for them."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from frameloom.kube.api import Cluster, Manifest, kind_name
from frameloom.model.errors import FarmUnavailable

# Seconds between two polls.
POLL_EVERY = 2.0

# The condition that is True when an object of a kind is ready.
CONDITIONS = {
    "CustomResourceDefinition": "Established",
    "Deployment": "Available",
    "ScaledJob": "Ready",
    "NodePool": "Ready",
    "NodeClass": "Ready",
}


def lacks(found: Mapping[str, Any] | None) -> str | None:
    """Return why an object is not ready; None if it is."""
    if found is None:
        return "does not exist"
    status = found.get("status") or {}
    if found["kind"] == "Deployment" and (behind := _behind(found, status)):
        return behind
    wanted = CONDITIONS.get(found["kind"])
    conditions = {each["type"]: each for each in status.get("conditions") or []}
    if wanted is None or conditions.get(wanted, {}).get("status") == "True":
        return None
    message = " ".join(str(conditions.get(wanted, {}).get("message") or "").split()).rstrip(".")
    return f"is not {wanted}" + (f" ({message})" if message else "")


def _behind(found: Mapping[str, Any], status: Mapping[str, Any]) -> str | None:
    """Return why a Deployment's rollout is not complete; None if it is."""
    if status.get("observedGeneration", 0) < found["metadata"].get("generation", 0):
        return "has not started its rollout"
    wanted, updated = found["spec"].get("replicas", 1), status.get("updatedReplicas", 0)
    # An old pod still runs.
    if updated < wanted or status.get("replicas", updated) > updated:
        return f"has {updated} of {wanted} pods updated"
    return None


class Deadline:
    """The time until which everything must be ready."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def passed(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() > self._end


def wait_until(
    pending: Callable[[], list[str]], *, deadline: Deadline, cluster: Cluster, report: Callable[[str], None]
) -> None:
    """Poll until nothing is pending.

    Args:
        pending: returns a description of each pending object.
        deadline: the end of the wait.
        cluster: the cluster, for the message.
        report: receives the first description whenever it changes.

    Raises:
        FarmUnavailable: objects are pending at the deadline; the message has the first description.
    """
    reported = None
    while left := pending():
        if deadline.passed:
            others = f", and {len(left) - 1} more" if len(left) > 1 else ""
            raise FarmUnavailable(
                problem=f"Timed out after {deadline.seconds:.0f} seconds in the cluster {cluster.name}: "
                f"{left[0]}{others}."
            )
        if left[0] != reported:
            reported = left[0]
            report(f"Waiting: {reported}")
        time.sleep(POLL_EVERY)


def wait_ready(
    cluster: Cluster,
    manifests: Iterable[Manifest],
    *,
    deadline: Deadline,
    report: Callable[[str], None],
    why: Callable[[], str] = str,
) -> None:
    """Wait until all objects are ready; `why` returns possible reasons for the message.

    Raises:
        FarmUnavailable: some are not ready at the deadline; the message names them.
    """
    waiting = [each for each in manifests if each["kind"] in CONDITIONS]

    def pending() -> list[str]:
        left = [f"{kind_name(each)} {lack}" for each in waiting if (lack := lacks(_find(cluster, each)))]
        return [f"{left[0]}{reasons}", *left[1:]] if left and (reasons := why()) else left

    wait_until(pending, deadline=deadline, cluster=cluster, report=report)


def _find(cluster: Cluster, manifest: Manifest) -> dict[str, Any] | None:
    metadata = manifest["metadata"]
    return cluster.find(manifest["apiVersion"], manifest["kind"], metadata["name"], namespace=metadata.get("namespace"))
