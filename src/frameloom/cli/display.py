"""Shows the progress of a job: a live display on a terminal, a line every few seconds on a pipe."""

import time
from collections.abc import Callable
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from frameloom.cli.console import make_console
from frameloom.cli.terminal import plain
from frameloom.model.counts import counted
from frameloom.model.job_status import JobStatus
from frameloom.model.log_event import LogEvent
from frameloom.model.messages import LogRecord
from frameloom.services.follow_job import Snapshot

# Seconds between two lines on a pipe: with new frames, and without, as a sign of life.
NEWS_EVERY, LIFE_EVERY = 5.0, 60.0
# Further workers are only counted: a terminal has 24 lines.
SHOWN_WORKERS = 12
# The steps of tasks of the whole scene, by task.
STEPS = {"inspect": "Inspecting the scene with Blender"}


class Display(Protocol):
    """Shows the progress of a job; a context manager."""

    def __enter__(self) -> Self:
        """Start the display."""

    def __exit__(self, *error: object) -> None:
        """Restore the terminal."""

    def say(self, text: str) -> None:
        """Show the current step."""

    def note(self, text: str) -> None:
        """Show an event permanently; any thread may call it."""

    def show(self, snapshot: Snapshot) -> None:
        """Show the progress of the job."""


def make_display(*, quiet: bool, json: bool) -> Display:
    """Return a live display if stderr is a terminal, else lines; silence if the options ask for it."""
    console = make_console(stderr=True)
    if quiet or (json and not console.is_terminal):
        return Silence()
    return LiveDisplay(console) if console.is_terminal else LineDisplay(console)


class Silence:
    """Shows nothing."""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *error: object) -> None:
        """End."""

    def say(self, text: str) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""

    def show(self, snapshot: Snapshot) -> None:
        """Show nothing."""


class LineDisplay:
    """Prints a line for each step of the job, and every few seconds within a step."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._step, self._done, self._printed = "", 0, 0.0

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *error: object) -> None:
        """End."""

    def say(self, text: str) -> None:
        """Print the current step."""
        self._step = text
        self.note(text)

    def note(self, text: str) -> None:
        """Print an event."""
        self._console.print(plain(text), markup=False, soft_wrap=True)

    def show(self, snapshot: Snapshot) -> None:
        """Print the progress of the job if it has changed or has not been printed for a minute."""
        step, now = step_of(snapshot), self._clock()
        interval = NEWS_EVERY if snapshot.done != self._done else LIFE_EVERY
        if step == self._step and now < self._printed + interval:
            return
        self._step, self._done, self._printed = step, snapshot.done, now
        self.note(f"{step}: {', '.join(facts_of(snapshot))}" if snapshot.total else step)


class LiveDisplay:
    """Redraws a progress bar with figures, and a line for each worker, in place."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[facts]}", markup=False),
            TextColumn("{task.fields[elapsed]}", style="dim", markup=False),
            console=console,
        )
        self._began = time.monotonic()
        self._workers: tuple[LogRecord, ...] = ()
        self._task = self._progress.add_task("", total=None, facts="", elapsed="")
        self._live = Live(console=console, get_renderable=self._render, transient=True, refresh_per_second=8)

    def __enter__(self) -> Self:
        """Start to draw."""
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Erase the display."""
        self._live.stop()

    def say(self, text: str) -> None:
        """Show the current step."""
        self._progress.update(self._task, description=plain(text))

    def note(self, text: str) -> None:
        """Print an event above the bar."""
        self._live.console.print(plain(text), markup=False, soft_wrap=True)

    def show(self, snapshot: Snapshot) -> None:
        """Show the progress of the job."""
        self._workers = snapshot.workers
        self._progress.update(
            self._task,
            description=step_of(snapshot),
            total=snapshot.total,
            completed=snapshot.done,
            facts=" · ".join(facts_of(snapshot)),
        )

    def _render(self) -> Group:
        elapsed = duration(time.monotonic() - self._began)
        self._progress.update(self._task, elapsed=elapsed)
        return Group(self._progress, _table(self._workers))


def step_of(snapshot: Snapshot) -> str:
    """Return the job's current step in a word or two."""
    status = snapshot.execution.status
    if status.ended:
        return {JobStatus.SUCCEEDED: "Done", JobStatus.FAILED: "Failed"}.get(status, "Canceled")
    if snapshot.task is not None:
        return task_step(snapshot.task)
    if snapshot.job is None or snapshot.reused is None:
        return "Preparing"
    if snapshot.done == snapshot.total or not snapshot.job.renders_frames:
        return "Making the video" if snapshot.job.makes_film else "Finishing"
    return "Rendering"


def task_step(task: str) -> str:
    """Return the step of a job that waits for a task of the whole scene; the task may be one of a newer farm."""
    return STEPS.get(task, f"Waiting for the task {task}")


def facts_of(snapshot: Snapshot) -> list[str]:
    """Return the known figures of a job."""
    facts = []
    if snapshot.total is not None:
        facts.append(f"{snapshot.done:,} of {counted(snapshot.total, 'frame')}")
    if snapshot.reused and snapshot.job is not None and snapshot.job.renders_frames:
        facts.append(f"{snapshot.reused:,} reused")
    if snapshot.rate is not None and snapshot.left and not snapshot.execution.status.ended:
        facts.append(f"{_figures(snapshot.rate)} frames/s")
        facts.append(f"{duration(snapshot.left)} left")
    return facts


def activity(record: LogRecord) -> str:
    """Return a worker's current activity, from the latest record of its log."""
    match record.event:
        case LogEvent.CHUNK_RECEIVED | LogEvent.TASK_RECEIVED:
            task = record.facts.get("task")
            return f"opens the scene for {task or 'frames ' + str(record.facts.get('frames', 'of its chunk'))}"
        case LogEvent.FRAME_STARTED | LogEvent.FRAMES_PASSED:
            passed = record.facts.get("frames")
            return f"simulates frames {passed}" if passed else f"renders frame {record.frame}"
        case LogEvent.FRAME_RENDERED:
            return f"has rendered frame {record.frame}{_took(record)}"
        case LogEvent.CHUNK_SUCCEEDED | LogEvent.TASK_SUCCEEDED:
            return "waits for a chunk"
        case LogEvent.CHUNK_FAILED | LogEvent.TASK_FAILED:
            return f"failed: {record.facts.get('cause', record.facts.get('error', 'see its log'))}"
        case _:
            return record.message


def duration(seconds: float) -> str:
    """Return seconds as `1:02` or `1:00:02`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _table(workers: tuple[LogRecord, ...]) -> Table:
    table = Table.grid(padding=(0, 2))
    recent = sorted(workers, key=lambda record: record.time, reverse=True)[:SHOWN_WORKERS]
    for record in sorted(recent, key=lambda record: record.worker):
        style = "red" if record.level == "error" else "yellow" if record.level == "warning" else ""
        table.add_row(Text(f"  {plain(record.worker)}", style="cyan"), Text(plain(activity(record)), style=style))
    if len(workers) > SHOWN_WORKERS:
        table.add_row(Text(f"  and {len(workers) - SHOWN_WORKERS:,} more", style="dim"), "")
    return table


def _took(record: LogRecord) -> str:
    seconds = record.facts.get("seconds")
    return f" in {seconds:.1f} s" if isinstance(seconds, int | float) else ""


def _figures(rate: float) -> str:
    return f"{rate:.2f}" if rate < 1 else f"{rate:.1f}" if rate < 100 else f"{rate:.0f}"
