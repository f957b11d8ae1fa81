"""`frameloom fleet watch`: takes samples of a fleet, shows them and writes them to files."""

import time
from dataclasses import dataclass
from pathlib import Path

from frameloom.aws.stack import Stack, find_stack
from frameloom.cli.fleet.select_cluster import find_cluster
from frameloom.cli.fleet.watch_csv import CsvLog
from frameloom.cli.fleet.watch_plot import check_plot, draw
from frameloom.cli.fleet.watch_sample import Sample, take_sample
from frameloom.cli.fleet.watch_view import make_view
from frameloom.cli.signals import Interrupts
from frameloom.cli.terminal import warn
from frameloom.kube.api import Cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command's options; times in seconds. If `lasts` is None, only Ctrl-C ends the watch."""

    stack: str
    context: str | None
    every: float
    lasts: float | None
    csv: Path | None
    plot: Path | None


def run(options: Options, *, json: bool) -> None:
    """Watch a fleet until its time is over or Ctrl-C; both are a success.

    Raises:
        FarmError: the watch could not start. Later errors are shown, and the watch continues.
    """
    try:
        stack, cluster = _start(options)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Interrupted before the watch started.") from None
    samples: list[Sample] = []
    view = make_view(f"Fleet of {stack.name}", json=json)
    # A second signal must not interrupt a write.
    with Interrupts(), CsvLog(options.csv) as log:
        try:
            with view:
                began = time.monotonic()
                while True:
                    sample = take_sample(stack, cluster)
                    samples.append(sample)
                    log.add(sample)
                    view.show(sample)
                    now = time.monotonic() - began
                    # Relative to the start: a slow sample does not delay the later ones.
                    pause = options.every - now % options.every
                    if options.lasts is not None and now + pause > options.lasts:
                        break
                    time.sleep(pause)
        except KeyboardInterrupt:
            pass
        if options.plot is not None and samples:
            draw(samples, options.plot, title=f"Fleet of {stack.name}")


def _start(options: Options) -> tuple[Stack, Cluster | None]:
    """Return the stack and its cluster; None for a stack without one, of which only the queue is watched."""
    if options.plot is not None:
        check_plot(options.plot)
    stack = find_stack(options.stack)
    if stack.cluster is None and options.context is None:
        warn(f"frameloom: The stack {stack.name!r} has no cluster: only its queue is watched.")
        return stack, None
    return stack, find_cluster(stack, context=options.context, anywhere=True)
