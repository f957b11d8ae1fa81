"""When an object is ready, and the wait for it."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from frameloom.kube.api import Cluster, Manifest, kind_name
from frameloom.model.errors import FarmUnavailable

# In seconds between two looks.
LOOK_EVERY = 2.0

# Which condition says that an object of a kind can be used.
CONDITIONS = {
    "CustomResourceDefinition": "Established",
    "Deployment": "Available",
    "ScaledJob": "Ready",
    "NodePool": "Ready",
    "NodeClass": "Ready",
}


def lacks(found: Mapping[str, Any] | None) -> str | None:
    """Return what an object lacks to be ready, None where it lacks nothing."""
    if found is None:
        return "is not there"
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
    """Return how far a Deployment's pods are behind what it says, None where they are not."""
    if status.get("observedGeneration", 0) < found["metadata"].get("generation", 0):
        return "has not begun to change"
    wanted, updated = found["spec"].get("replicas", 1), status.get("updatedReplicas", 0)
    # One old pod more, and the roll-out is not over.
    if updated < wanted or status.get("replicas", updated) > updated:
        return f"has {updated} of {wanted} pods renewed"
    return None


class Deadline:
    """The moment until which everything has to be ready."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def passed(self) -> bool:
        """Whether the moment is over."""
        return time.monotonic() > self._end


def wait_until(
    pending: Callable[[], list[str]], *, deadline: Deadline, cluster: Cluster, tell: Callable[[str], None]
) -> None:
    """Wait until nothing is pending; `tell` is given the first of what is, whenever that changes.

    Raises:
        FarmUnavailable: naming what is still pending when time is up.
    """
    told = None
    while left := pending():
        if deadline.passed:
            others = f", and {len(left) - 1} more" if len(left) > 1 else ""
            raise FarmUnavailable(
                problem=f"Time is up after {deadline.seconds:.0f} seconds in the cluster {cluster.name}: "
                f"{left[0]}{others}."
            )
        if left[0] != told:
            told = left[0]
            tell(f"Waiting: {told}")
        time.sleep(LOOK_EVERY)


def wait_ready(
    cluster: Cluster,
    manifests: Iterable[Manifest],
    *,
    deadline: Deadline,
    tell: Callable[[str], None],
    why: Callable[[], str] = str,
) -> None:
    """Wait until all objects are ready; `why` returns possible causes for the message.

    Raises:
        FarmUnavailable: some are not ready at the deadline; the message names them.
    """
    waiting = [each for each in manifests if each["kind"] in CONDITIONS]

    def pending() -> list[str]:
        left = [f"{kind_name(each)} {lack}" for each in waiting if (lack := lacks(_look(cluster, each)))]
        return [f"{left[0]}{reasons}", *left[1:]] if left and (reasons := why()) else left

    wait_until(pending, deadline=deadline, cluster=cluster, tell=tell)


def _look(cluster: Cluster, manifest: Manifest) -> dict[str, Any] | None:
    metadata = manifest["metadata"]
    return cluster.find(manifest["apiVersion"], manifest["kind"], metadata["name"], namespace=metadata.get("namespace"))
