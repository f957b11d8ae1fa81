"""Samples of a fleet: the queue, the pods and the nodes at one time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from frameloom.aws.queue import read_depths
from frameloom.aws.stack import Stack
from frameloom.kube.api import Cluster
from frameloom.kube.fleet_status import CAPACITIES, PHASES, FleetState, observe
from frameloom.kube.pending_reasons import Wait
from frameloom.model.errors import FarmUnavailable

# The figures of a sample by group, with their labels, in the order of all outputs.
GROUPS: dict[str, dict[str, str]] = {
    "queue": {"waiting": "waiting", "in_flight": "in flight", "dead_letters": "dead letters"},
    "pods": {"desired": "wanted"} | {f"pods_{phase}": phase for phase in PHASES},
    "nodes": {f"nodes_{name.replace('-', '_')}": name for name in (*CAPACITIES, "other")},
}
FIGURES = [name for group in GROUPS.values() for name in group]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Figures by their names in `GROUPS`; `problem` has the reason if some are missing."""

    time: datetime
    figures: Mapping[str, int | None] = field(default_factory=dict)
    problem: str | None = None
    # Reasons why workers do not start.
    waits: Sequence[Wait] = ()

    def row(self) -> dict[str, Any]:
        """Return the sample as a flat row; a missing figure is None."""
        moment = self.time.isoformat(timespec="seconds")
        return {"time": moment} | {name: self.figures.get(name) for name in FIGURES} | {"problem": self.problem}


def take_sample(stack: Stack, cluster: Cluster | None) -> Sample:
    """Return the current figures of a farm; those of a service that does not respond are missing."""
    now = datetime.now(UTC)
    figures: dict[str, int | None] = {}
    waits: Sequence[Wait] = ()
    problems = []
    try:
        left = read_depths(stack.chunk_queue, stack.dead_letter_queue)
        figures |= {"waiting": left.waiting, "in_flight": left.in_flight, "dead_letters": left.dead_letters}
    except FarmUnavailable as error:
        problems.append(str(error))
    try:
        if cluster is not None:
            state = observe(cluster, stack.namespace)
            figures, waits = figures | _fleet(state), state.waits
    except FarmUnavailable as error:
        problems.append(str(error))
    return Sample(time=now, figures=figures, problem=" ".join(problems) or None, waits=waits)


def _fleet(state: FleetState) -> dict[str, int | None]:
    other = sum(count for capacity, count in state.nodes.items() if capacity not in CAPACITIES)
    return {
        "desired": state.desired,
        **{f"pods_{phase}": state.pods[phase] for phase in PHASES},
        **{f"nodes_{name.replace('-', '_')}": state.nodes[name] for name in CAPACITIES},
        "nodes_other": other,
    }
