"""The unbaked simulations of a scene, and the order in which its frames are rendered because of them.

Measured in Blender 4.5, a render from the command line treats a simulation without a bake in one of four ways:

- Particles go on from the last rendered frame, so their frames must be rendered in order.
- Hair and cloth make only their first step, but a render that begins at a later frame shows another state. Their frames
  must be rendered in order as well.
- Fluids end the process, since Blender as a Python module cannot simulate them.
- The other kinds do not move, or follow the cache of a playback that the file holds, in each chunk alike.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from frameloom.model.base import Value
from frameloom.model.counts import listed
from frameloom.model.frames import FrameRange
from frameloom.model.notices import Notice, NoticeKind

SimulationKind = Literal[
    "particles", "hair", "cloth", "soft body", "dynamic paint", "rigid bodies", "simulation nodes", "fluid"
]
_ORDERED: frozenset[SimulationKind] = frozenset({"particles", "hair", "cloth"})
_STILL: frozenset[SimulationKind] = frozenset(
    {"hair", "cloth", "soft body", "dynamic paint", "rigid bodies", "simulation nodes"}
)
_FLUIDS: frozenset[SimulationKind] = frozenset({"fluid"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A simulation without a bake.

    Attributes:
        owner: the name of its object, of the scene for rigid bodies, or of the node group for simulation nodes.
    """

    kind: SimulationKind
    owner: str

    def __str__(self) -> str:
        return f"{self.kind} of {self.owner!r}"


class Order(Value):
    """The frames through which a worker takes the simulations: from `first` in steps of `step`."""

    first: int
    step: int = 1

    def frames(self, wanted: FrameRange) -> FrameRange:
        """Return the frames that the worker passes through to render the `wanted` ones, those included."""
        numbers = list(wanted)
        if not numbers:
            return wanted
        return FrameRange.of(sorted({*range(self.first, numbers[-1] + 1, self.step), *numbers}))


def order_of(simulations: Iterable[Simulation], *, scene: Sequence[int], wanted: FrameRange) -> Order | None:
    """Return the order of a job's frames; None if its chunks may be rendered in any order.

    Args:
        scene: the first frame of the scene and its step, from which the artist's own render begins.
        wanted: the frames of the job. Frames that the artist's render leaves out change the order.
    """
    if not any(simulation.kind in _ORDERED for simulation in simulations):
        return None
    first, step = scene
    numbers = list(wanted)
    fits = not numbers or (numbers[0] >= first and all((number - first) % step == 0 for number in numbers))
    return Order(first=first, step=step) if fits else Order(first=min(first, numbers[0]))


def simulation_notices(
    simulations: Sequence[Simulation], *, bake: Literal["auto", "never"] | None = None
) -> Iterator[Notice]:
    """Yield the notices about a job with these simulations."""
    if ordered := _named(simulations, _ORDERED):
        if bake != "never":
            text = (
                f"One worker renders all frames in order, since these simulations are not baked: {listed(ordered)}; "
                "bake them in Blender to use all workers."
            )
        else:
            text = (
                f"These simulations are not baked and may jump where a chunk begins: {listed(ordered)}; bake them in "
                "Blender, or render without `bake=never`."
            )
        yield Notice(kind=NoticeKind.SIMULATIONS, text=text, items=ordered)
    if still := _named(simulations, _STILL):
        text = (
            "Blender simulates these only in the viewport, so without a bake they do not move in a render from the "
            f"command line: {listed(still)}; bake them in Blender."
        )
        yield Notice(kind=NoticeKind.SIMULATIONS, text=text, items=still)
    if fluids := _named(simulations, _FLUIDS):
        text = (
            f"The workers' Blender cannot simulate fluids, and crashes if it has to: {listed(fluids)}; bake them in "
            "Blender, or disable them in renders."
        )
        yield Notice(kind=NoticeKind.SIMULATIONS, text=text, items=fluids)


def _named(simulations: Iterable[Simulation], kinds: frozenset[SimulationKind]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(simulation) for simulation in simulations if simulation.kind in kinds))
