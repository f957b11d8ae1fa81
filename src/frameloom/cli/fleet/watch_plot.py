"""Plots samples: queue, pods and nodes over time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from frameloom.cli.fleet.watch_sample import GROUPS, Sample
from frameloom.model.errors import InvalidRequest

SUFFIXES = (".png", ".svg")
# Size in inches, and dots per inch: 1,000 pixels wide.
_SIZE, _DPI = (10.0, 8.0), 100
# A failed sample leaves a gap in the curve.
_GAP = float("nan")
# Colours that are the same in each plot, red for failures; matplotlib chooses the others.
_COLOURS = {
    "waiting": "tab:blue",
    "in_flight": "tab:green",
    "dead_letters": "tab:red",
    "desired": "tab:blue",
    "pods_pending": "tab:orange",
    "pods_running": "tab:green",
    "pods_succeeded": "tab:gray",
    "pods_failed": "tab:red",
}


def check_plot(path: Path) -> None:
    """Check before the watch that the plot can be drawn after it.

    Raises:
        InvalidRequest: the file's suffix is unsupported, or its folder does not exist.
        ModuleNotFoundError: matplotlib is not installed.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidRequest(field="--plot", problem=f"takes a name in .png or .svg, not {path.name!r}")
    if not path.absolute().parent.is_dir():
        raise InvalidRequest(field="--plot", problem=f"there is no folder {str(path.absolute().parent)!r}")
    _figure()


def draw(samples: Sequence[Sample], path: Path, *, title: str) -> None:
    """Plot samples over time into a file, PNG or SVG by its suffix."""
    figure = _figure()
    axes = figure.subplots(len(GROUPS), sharex=True)
    times = [sample.time for sample in samples]
    for axis, (group, names) in zip(axes, GROUPS.items(), strict=True):
        for name, label in names.items():
            values = [sample.figures.get(name) for sample in samples]
            # Curves that are always zero would only crowd the legend.
            if any(values) or name in ("waiting", "desired", "nodes_on_demand"):
                axis.step(
                    times,
                    [_GAP if each is None else each for each in values],
                    where="post",
                    label=label,
                    color=_COLOURS.get(name),
                )
        axis.set_ylabel({"queue": "chunks"}.get(group, group))
        axis.set_ylim(bottom=0)
        axis.yaxis.get_major_locator().set_params(integer=True)
        axis.grid(visible=True, alpha=0.3)
        # Beside the curves, not over them.
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small")
    axes[-1].set_xlabel("time (UTC)")
    axes[0].set_title(title)
    figure.autofmt_xdate()
    figure.savefig(path)


def _figure() -> Any:
    # Without pyplot, matplotlib needs no display, and its import takes half the time.
    from matplotlib.figure import Figure  # noqa: PLC0415

    return Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
