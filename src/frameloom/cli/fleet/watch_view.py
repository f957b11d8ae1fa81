"""Views of a watch: a table on a terminal, lines for a pipe, or a line of JSON for each sample."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from frameloom.cli.console import make_console
from frameloom.cli.display import LIFE_EVERY
from frameloom.cli.fleet.watch_sample import GROUPS, Sample
from frameloom.cli.terminal import say_json, warn

# The number of samples in a sparkline; a terminal has 80 columns.
CURVE = 40
_BARS = "▁▂▃▄▅▆▇█"
_STYLES = {"dead_letters": "red", "pods_failed": "red", "pods_pending": "yellow", "pods_running": "green"}


class View(Protocol):
    """Shows samples; a context manager."""

    def __enter__(self) -> Self:
        """Start the view."""

    def __exit__(self, *error: object) -> None:
        """Restore the terminal."""

    def show(self, sample: Sample) -> None:
        """Show the latest sample."""


def make_view(title: str, *, json: bool) -> View:
    """Return the view for stdout."""
    if json:
        return JsonView()
    console = make_console()
    return TableView(title, console) if console.is_terminal else LineView(console)


class JsonView:
    """Writes each sample as a line of JSON."""

    def __enter__(self) -> Self:
        """Do nothing."""
        return self

    def __exit__(self, *error: object) -> None:
        """Do nothing."""

    def show(self, sample: Sample) -> None:
        """Write a line."""
        say_json(sample.row() | {"waits": [asdict(each) for each in sample.waits]}, indent=None)


class LineView:
    """Prints a line when a figure changes, and otherwise at long intervals."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._line, self._printed = "", 0.0
        self._why: list[str] = []
        self._problem: str | None = None

    def __enter__(self) -> Self:
        """Do nothing."""
        return self

    def __exit__(self, *error: object) -> None:
        """Do nothing."""

    def show(self, sample: Sample) -> None:
        """Print a sample if it differs from the last line, or if the last line is old."""
        line, now = facts_of(sample), self._clock()
        why = [each.reason for each in sample.waits]
        # Print a problem once, not with each sample.
        is_new, self._problem = sample.problem != self._problem, sample.problem
        if is_new and sample.problem is not None:
            warn(f"frameloom: {sample.problem}")
        if line and ((line, why) != (self._line, self._why) or now >= self._printed + LIFE_EVERY):
            self._line, self._why, self._printed = line, why, now
            self._console.print(f"{sample.time:%H:%M:%S}  {line}", markup=False, soft_wrap=True)
            for each in sample.waits:
                self._console.print(f"          {each}", markup=False, soft_wrap=True)
            self._console.file.flush()


class TableView:
    """A table of the figures with sparklines, redrawn in place; the last one stays on the terminal."""

    def __init__(self, title: str, console: Console) -> None:
        self._title = title
        self._samples: deque[Sample] = deque(maxlen=CURVE)
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4)

    def __enter__(self) -> Self:
        """Start to redraw."""
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop to redraw."""
        self._live.stop()

    def show(self, sample: Sample) -> None:
        """Add a sample to the table."""
        self._samples.append(sample)

    def _render(self) -> Table:
        table = Table(title=self._title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for justify in ("left", "left", "right", "left"):
            table.add_column(justify=justify, no_wrap=True)
        latest = self._samples[-1] if self._samples else None
        for group, names in GROUPS.items():
            for position, (name, label) in enumerate(names.items()):
                values = [sample.figures.get(name) for sample in self._samples]
                now = values[-1] if values else None
                figure = Text("-" if now is None else f"{now:,}", style=_STYLES.get(name, "") if now else "")
                curve = Text(sparkline(values), style="dim")
                table.add_row(Text("" if position else group, style="cyan"), label, figure, curve)
        if latest is not None and (latest.problem is not None or latest.waits):
            lines = [Text(str(each), style="yellow") for each in latest.waits]
            lines += [] if latest.problem is None else [Text(latest.problem, style="red")]
            table.caption, table.caption_style, table.caption_justify = Text("\n").join(lines), "", "left"
        return table


def facts_of(sample: Sample) -> str:
    """Return a sample's figures in a line; omit missing figures, and zeros except waiting chunks and running pods."""
    groups = []
    for group, names in GROUPS.items():
        facts = [
            f"{sample.figures[name]:,} {label}"
            for name, label in names.items()
            if sample.figures.get(name) or (name in ("waiting", "pods_running") and name in sample.figures)
        ]
        if facts:
            groups.append(f"{group}: {', '.join(facts)}")
    return "; ".join(groups)


def sparkline(values: Iterable[int | None]) -> str:
    """Return a curve of figures, scaled from zero to the largest; a gap for an unknown figure."""
    known = list(values)
    top = max([value for value in known if value is not None], default=0) or 1
    return "".join(" " if value is None else _BARS[round(value / top * (len(_BARS) - 1))] for value in known)
