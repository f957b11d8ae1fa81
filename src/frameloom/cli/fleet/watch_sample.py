"""One look at a fleet: how much is left to do, and who does it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from frameloom.aws.depths import depths
from frameloom.aws.stack import Stack
from frameloom.kube.api import Cluster
from frameloom.kube.fleet_status import CAPACITIES, PHASES, FleetState, observe
from frameloom.kube.pending_reasons import Wait
from frameloom.model.errors import FarmUnavailable

# The figures of a look by what they are about, in the order in which they are shown, drawn and written down.
GROUPS: dict[str, dict[str, str]] = {
    "queue": {"waiting": "waiting", "in_flight": "in flight", "dead_letters": "dead letters"},
    "pods": {"desired": "wanted"} | {f"pods_{phase}": phase for phase in PHASES},
    "nodes": {f"nodes_{name.replace('-', '_')}": name for name in (*CAPACITIES, "other")},
}
FIGURES = [name for group in GROUPS.values() for name in group]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Figures by their names in `GROUPS`, as far as they could be had, and why the others could not."""

    time: datetime
    figures: Mapping[str, int | None] = field(default_factory=dict)
    problem: str | None = None
    # Reasons why workers do not start.
    waits: Sequence[Wait] = ()

    def row(self) -> dict[str, Any]:
        """Return the look as a flat row; a figure that could not be had is None."""
        moment = self.time.isoformat(timespec="seconds")
        return {"time": moment} | {name: self.figures.get(name) for name in FIGURES} | {"problem": self.problem}


def look(stack: Stack, cluster: Cluster | None) -> Sample:
    """Return how a farm stands now; what does not answer is left out, with the reason."""
    now = datetime.now(UTC)
    figures: dict[str, int | None] = {}
    waits: Sequence[Wait] = ()
    problems = []
    try:
        left = depths(stack)
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
