"""The work of `frameloom fetch`: from a job's id to its results in a folder."""

import time
from dataclasses import dataclass
from pathlib import Path

import typer

from frameloom.cli.display import Display, make_display
from frameloom.cli.output import FAILED
from frameloom.cli.signals import Interrupts, Left
from frameloom.client.connect import Farm, find_farm
from frameloom.client.find_job import known_job
from frameloom.client.outputs import Results
from frameloom.client.run_job import Ending, Errand, tell_ending
from frameloom.model.errors import InvalidRequest
from frameloom.model.job_status import JobStatus
from frameloom.model.report import FrameCounts
from frameloom.model.request import JobRequest
from frameloom.services.follow_job import Snapshot, follow
from frameloom.services.resolve_request import ResolvedRequest
from frameloom.services.storage.ports import Execution


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The values of the options."""

    job: str
    out: Path
    local: bool
    stack: str | None


def run(order: Order, *, json: bool, quiet: bool) -> None:
    """Follow a job to its end and fetch its results.

    Raises:
        FarmError: no such job exists, or its results cannot be fetched.
        Left: the command was interrupted; the job continues.
        typer.Exit: the job failed, and the failure was printed.
    """
    began = time.monotonic()
    with Interrupts():
        farm = find_farm(stack=order.stack, local=order.local)
        job_id = known_job(farm.executions, order.job).job_id
        try:
            with make_display(quiet=quiet, json=json) as display:
                ending = _fetch(job_id, farm, order.out, display, began)
        except KeyboardInterrupt:
            raise Left(f"Job {job_id} was not changed. Run the same command to fetch the rest.") from None
    tell_ending(ending, json=json, quiet=quiet)
    if ending.status is not JobStatus.SUCCEEDED:
        raise typer.Exit(FAILED)


def _fetch(job_id: str, farm: Farm, out: Path, display: Display, began: float) -> Ending:
    job = (snapshot := _prepared(job_id, farm, display)).job
    if job is None:
        return _without_results(snapshot.execution, began)
    request = JobRequest(file=job.scene.key, output=job.output, video=job.video, film=job.film)
    scene = Path(job.scene.key)
    results = Results.of(out, request, scene)
    results.check(Path(job.outputs.prefix).name)
    settled = ResolvedRequest(
        name=scene.name,
        digest=job.scene.digest,
        frames=job.frame_range(),
        fps=job.fps,
        pixel_aspect=job.pixel_ratio(),
        size=(0, 0),
        settings=job.settings,
    )
    errand = Errand(
        scene=scene, request=request, settled=settled, assets={}, results=results, display=display, began=began
    )
    return errand.fetch(job, farm)


def _prepared(job_id: str, farm: Farm, display: Display) -> Snapshot:
    """Return a snapshot of a job once its manifest exists, or once it has ended without one."""
    for snapshot in follow(job_id, store=farm.store, executions=farm.executions, buckets=farm.buckets):
        display.show(snapshot)
        if snapshot.job is not None:
            break
    return snapshot


def _without_results(execution: Execution, began: float) -> Ending:
    """Return the result of a job that failed before it had a manifest.

    Raises:
        InvalidRequest: the execution is an upload that started no job, or its documents have expired.
    """
    if execution.status is JobStatus.SUCCEEDED:
        output = execution.output if isinstance(execution.output, dict) else {}
        reason = output.get("skipped", "its manifest is no longer in the log bucket")
        raise InvalidRequest(field="JOB", problem=f"{execution.job_id} has no results to fetch: {reason}")
    return Ending(
        job_id=execution.job_id,
        status=execution.status,
        frames=FrameCounts(),
        seconds=time.monotonic() - began,
        error=execution.error or "Failed",
        cause=execution.cause,
    )
