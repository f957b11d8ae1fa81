"""Runs a job for `frameloom render` and `frameloom sequence`: display, Ctrl-C and exit code."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import typer

from frameloom.cli.detached import commands, tell_started
from frameloom.cli.display import Display, make_display
from frameloom.cli.job_output import show_event, tell_result
from frameloom.cli.output import FAILED
from frameloom.cli.request_options import read_fields
from frameloom.cli.select_farm import farm_for_job
from frameloom.cli.signals import HungUp, Interrupts, Left
from frameloom.client import Farm, Job, JobResult
from frameloom.model.errors import InvalidRequest

ENDS_WITH_THE_COMMAND = (
    "the farm that this command starts ends with it: start one with `frameloom farm up`, or name a stack with --stack"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """The values of the options; `fields` by the names of the request, `settings` as NAME=VALUE; `addons` are paths."""

    scene: Path
    fields: Mapping[str, str | None]
    settings: Iterable[str]
    addons: Sequence[str]
    out: Path
    local: bool
    stack: str | None
    workers: int | None = None
    detach: bool = False


class Canceled(KeyboardInterrupt):
    """The user interrupted a job that had begun; the message names the folder of its frames."""


def run(options: JobOptions, *, json: bool, quiet: bool) -> None:
    """Run a job, or only start it.

    Raises:
        FarmError: the request was refused before anything was started, or the farm cannot be used.
        Left: the terminal was closed, and the job continues.
        typer.Exit: the job failed, and the failure was printed.
    """
    fields = read_fields(options.fields, options.settings)
    if options.addons:
        fields["addons"] = options.addons
    with Interrupts() as interrupts:
        farm = farm_for_job(stack=options.stack, local=options.local, workers=options.workers)
        if options.detach and not farm.persistent:
            raise InvalidRequest(field="--detach", problem=ENDS_WITH_THE_COMMAND)
        job = farm.new_job(options.scene, out=options.out, **fields)
        with make_display(quiet=quiet, json=json) as display:
            job.on_event = partial(show_event, display)
            work = _Work(job=job, farm=farm, options=options, display=display, interrupts=interrupts)
            result = interrupts.surely(work.start if options.detach else work.finish, farm.close)
    if result is None:
        afterwards = commands(job.id, stack=options.stack, out=options.out)
        tell_started(job.id, afterwards, notices=job.notices, json=json, quiet=quiet)
        return
    tell_result(result, json=json, quiet=quiet)
    if not result.succeeded:
        raise typer.Exit(FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """A checked job on its way through a command."""

    job: Job
    farm: Farm
    options: JobOptions
    display: Display
    interrupts: Interrupts

    def start(self) -> None:
        """Start the job."""
        with self._interruptible():
            self.job.start()

    def finish(self) -> JobResult:
        """Start the job and show it until it has ended."""
        with self._interruptible():
            self.job.start()
            self.display.note(f"Job {self.job.id}")
            with closing(self.job.follow()) as snapshots:
                for snapshot in snapshots:
                    self.display.show(snapshot)
        return self.job.result

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """On an interrupt, cancel the job and download its frames, or leave it on a farm that continues.

        Raises:
            Left: the terminal was closed, and the job continues.
            Canceled: the job was canceled.
            KeyboardInterrupt: no job was started.
        """
        job = self.job
        try:
            yield
        except KeyboardInterrupt as interrupt:
            if not job.started:
                raise
            if isinstance(interrupt, HungUp) and self.farm.persistent:
                fetch = commands(job.id, stack=self.options.stack, out=self.options.out)["fetch"]
                raise Left(f"Job {job.id} continues. `{fetch}` follows it and fetches its results.") from None
            with self.interrupts.skippable():
                self.display.say("Canceling (once more to leave at once)")
                job.cancel("Interrupted at the command line.")
                job.fetch_frames()
            kept = "it has no frame yet" if job.folder is None else f"its frames so far are in {job.folder}"
            raise Canceled(f"Job {job.id} was canceled; {kept}.") from None
