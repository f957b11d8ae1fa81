"""What `frameloom fleet watch` does: it looks, shows and keeps what it sees until it is ended."""

import time
from dataclasses import dataclass
from pathlib import Path

from frameloom.aws.stack import Stack, find_stack
from frameloom.cli.fleet.select_cluster import find_cluster
from frameloom.cli.fleet.watch_csv import CsvLog
from frameloom.cli.fleet.watch_plot import check_plot, draw
from frameloom.cli.fleet.watch_sample import Sample, look
from frameloom.cli.fleet.watch_view import make_view
from frameloom.cli.signals import Interrupts
from frameloom.cli.terminal import warn
from frameloom.kube.api import Cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the options say; times in seconds, `lasts` None where only Ctrl-C ends it."""

    stack: str
    context: str | None
    every: float
    lasts: float | None
    csv: Path | None
    plot: Path | None


def run(order: Order, *, json: bool) -> None:
    """Watch a fleet until it is over or interrupted, which is how a watch ends: both are well.

    Raises:
        FarmError: it could not begin, and why; what fails later is shown, and the watch goes on.
    """
    try:
        stack, cluster = _begin(order)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Interrupted before the watch began.") from None
    samples: list[Sample] = []
    view = make_view(f"Fleet of {stack.name}", json=json)
    # From the first signal on, nothing tears apart what is being written.
    with Interrupts(), CsvLog(order.csv) as log:
        try:
            with view:
                began = time.monotonic()
                while True:
                    sample = look(stack, cluster)
                    samples.append(sample)
                    log.add(sample)
                    view.show(sample)
                    now = time.monotonic() - began
                    # By the clock that began: looks that take long do not shift the later ones.
                    pause = order.every - now % order.every
                    if order.lasts is not None and now + pause > order.lasts:
                        break
                    time.sleep(pause)
        except KeyboardInterrupt:
            pass
        if order.plot is not None and samples:
            draw(samples, order.plot, title=f"Fleet of {stack.name}")


def _begin(order: Order) -> tuple[Stack, Cluster | None]:
    """Return what is watched; without a cluster, the queue alone."""
    if order.plot is not None:
        check_plot(order.plot)
    stack = find_stack(order.stack)
    if stack.cluster is None and order.context is None:
        warn(f"frameloom: The stack {stack.name!r} has no cluster: only its queue is watched.")
        return stack, None
    return stack, find_cluster(stack, context=order.context, anywhere=True)
