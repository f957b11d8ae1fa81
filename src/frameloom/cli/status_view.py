"""The output of `frameloom status`, for a farm and for one job."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.text import Text

from frameloom.cli.console import make_console
from frameloom.cli.display import task_step
from frameloom.cli.fleet.pending_workers import fleet_waits
from frameloom.cli.output import tell_json
from frameloom.cli.terminal import plain, warn
from frameloom.client import Farm, JobInfo
from frameloom.model.errors import FarmUnavailable
from frameloom.model.report import ObjectRef

if TYPE_CHECKING:
    from frameloom.kube.pending_reasons import Wait

STYLES = {"succeeded": "green", "failed": "red", "canceled": "yellow", "running": "cyan", "queued": "cyan"}


def show_farm(farm: Farm, *, limit: int, json: bool, stack: str | None = None) -> None:
    """Print the queue's depth, why the workers of a stack do not start, and the newest jobs."""
    queue, jobs = farm.queue(), farm.jobs(limit)
    waits = _waits(stack) if stack is not None and queue.waiting else []
    if json:
        documents = [_as_json(job) for job in jobs]
        tell_json({"queue": asdict(queue), "waits": [asdict(each) for each in waits], "jobs": documents})
        return
    console = make_console()
    console.print(
        f"Chunks: {queue.waiting} waiting, {queue.in_flight} with workers, {queue.dead_letters} given up",
        soft_wrap=True,
    )
    for each in waits:
        console.print(Text(str(each), style="yellow"), soft_wrap=True)
    if not jobs:
        console.print("Jobs: none yet")
        return
    rows = [("JOB", "STATUS", "FRAMES", "STARTED", "SCENE")]
    rows += [
        (
            plain(job.job_id),
            str(job.status),
            _frames(job),
            _when(job.started),
            plain(_short(job.scene or "")),
        )
        for job in jobs
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        # Not a rich table, which would cut the ids of jobs on a narrow terminal; users copy them.
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        line = Text("  ".join(cells).rstrip())
        line.stylize(STYLES.get(row[1], "bold"), *_span(cells, 1) if row[1] in STYLES else (0,))
        console.print(line, soft_wrap=True)


def _waits(stack: str) -> "Sequence[Wait]":
    """Return why a stack's workers do not start; if the cluster cannot be reached, warn and return nothing."""
    try:
        return fleet_waits(stack)
    except FarmUnavailable as error:
        warn(f"frameloom: The reasons why workers wait are unknown: {error}")
        return []


def show_job(job: JobInfo, *, json: bool) -> None:
    """Print the status of one job and the places of its results."""
    if json:
        tell_json(_as_json(job))
        return
    console = make_console()
    lines = {
        "job": job.job_id,
        "status": str(job.status),
        "step": None if job.task is None else task_step(job.task),
        "scene": job.scene,
        "frames": _frames(job) or None,
        "started": _when(job.started),
        "ended": _when(job.ended) if job.ended else None,
        "error": ": ".join(filter(None, [job.error, job.cause])) or None,
        "video": _place(job.video),
        "report": _place(job.report),
    }
    for name, value in lines.items():
        if value is not None:
            style = STYLES.get(value, "") if name == "status" else ""
            console.print(Text(f"{name:<8} ").append(plain(value), style=style), soft_wrap=True)
    for notice in job.notices:
        console.print(Text(f"{'notice':<8} ").append(plain(notice.text), style="yellow"), soft_wrap=True)


def _as_json(job: JobInfo) -> dict[str, Any]:
    """Return the document that `--json` prints; an unknown fact is left out."""
    facts: dict[str, Any] = {"job_id": job.job_id, "status": str(job.status), "error": job.error, "cause": job.cause}
    facts |= {name: None if ref is None else ref.to_json() for name, ref in _places(job).items()}
    frames = None if job.total is None else {"done": job.done, "total": job.total}
    facts |= {"scene": job.scene, "task": job.task, "frames": frames, "started": job.started, "ended": job.ended}
    facts["notices"] = [notice.to_json() for notice in job.notices] or None
    return {name: value for name, value in facts.items() if value is not None}


def _places(job: JobInfo) -> dict[str, ObjectRef | None]:
    return {"video": job.video, "report": job.report}


def _frames(job: JobInfo) -> str:
    return "" if job.total is None else f"{job.done:,} of {job.total:,}"


def _short(scene: str) -> str:
    """Return the last folder and the name of a scene's key; `show_job` prints the whole key."""
    *above, folder, name = ["", *scene.split("/")]
    return f".../{folder}/{name}" if len(above) > 1 else scene


def _place(place: ObjectRef | None) -> str | None:
    return None if place is None else f"s3://{place.bucket}/{place.key}"


def _when(time: str) -> str:
    """Return an ISO 8601 time to the second."""
    return time[:19].replace("T", " ")


def _span(cells: list[str], index: int) -> tuple[int, int]:
    """Return the first and last column of a cell in a line of cells with two spaces between them."""
    first = sum(len(cell) + 2 for cell in cells[:index])
    return first, first + len(cells[index])
