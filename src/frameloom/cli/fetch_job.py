"""Follows a job for `frameloom fetch`: display, Ctrl-C and exit code."""

from contextlib import closing
from functools import partial
from pathlib import Path

import typer

from frameloom.cli.display import make_display
from frameloom.cli.job_output import show_event, tell_result
from frameloom.cli.output import FAILED
from frameloom.cli.select_farm import running_farm
from frameloom.cli.signals import Interrupts, Left


def run(name: str, *, out: Path, local: bool, stack: str | None, json: bool, quiet: bool) -> None:
    """Follow a job to its end and fetch its results.

    Raises:
        FarmError: no such job exists, or its results cannot be fetched.
        Left: the command was interrupted; the job continues.
        typer.Exit: the job failed, and the failure was printed.
    """
    with Interrupts():
        job = running_farm(stack=stack, local=local).job(name)
        try:
            with make_display(quiet=quiet, json=json) as display:
                job.on_event = partial(show_event, display)
                with closing(job.follow(out)) as snapshots:
                    for snapshot in snapshots:
                        display.show(snapshot)
        except KeyboardInterrupt:
            raise Left(f"Job {job.id} was not changed. Run the same command to fetch the rest.") from None
    tell_result(job.result, json=json, quiet=quiet)
    if not job.result.succeeded:
        raise typer.Exit(FAILED)
