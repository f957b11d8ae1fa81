"""What `frameloom status` shows of a farm and of a job."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from frameloom.aws.queue import Queue
from frameloom.cli.answers import tell_json
from frameloom.cli.fleet_waits import fleet_waits
from frameloom.cli.target import Farm
from frameloom.model.errors import FarmUnavailable, InvalidRequest
from frameloom.services.submit import describe

if TYPE_CHECKING:
    from frameloom.kube.waiting import Wait

STYLES = {"succeeded": "green", "failed": "red", "canceled": "yellow", "running": "cyan", "queued": "cyan"}


def show_farm(farm: Farm, *, limit: int, json: bool, stack: str | None = None) -> None:
    """Print how much is in the queue, why the workers of a stack do not start, and the newest jobs."""
    chunks, lost = Queue(farm.chunk_queue).depth(), Queue(farm.dead_letter_queue).depth()
    queue = {"waiting": chunks.waiting, "in_flight": chunks.in_flight, "dead_letters": lost.waiting + lost.in_flight}
    jobs = [
        describe(execution, store=farm.store, buckets=farm.buckets) | {"started": execution.started}
        for execution in farm.executions.list(limit=limit)
    ]
    waits = _waits(stack) if stack is not None and chunks.waiting else []
    if json:
        tell_json({"queue": queue, "waits": [asdict(each) for each in waits], "jobs": jobs})
        return
    console = Console(highlight=False)
    console.print(
        f"Chunks: {queue['waiting']} waiting, {queue['in_flight']} with workers, {queue['dead_letters']} given up",
        soft_wrap=True,
    )
    for each in waits:
        console.print(Text(str(each), style="yellow"), soft_wrap=True)
    if not jobs:
        console.print("Jobs: none yet")
        return
    rows = [("JOB", "STATUS", "FRAMES", "STARTED", "SCENE")]
    rows += [
        (job["job_id"], job["status"], _frames(job), _when(job["started"]), _short(job.get("scene", "")))
        for job in jobs
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        # By hand, since a table that is too wide for its terminal cuts a job's id, which is to be copied.
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        line = Text("  ".join(cells).rstrip())
        line.stylize(STYLES.get(row[1], "bold"), *_span(cells, 1) if row[1] in STYLES else (0,))
        console.print(line, soft_wrap=True)


def _waits(stack: str) -> "Sequence[Wait]":
    """Return why a stack's workers wait; a cluster that cannot be asked is no reason to show nothing."""
    try:
        return fleet_waits(stack)
    except FarmUnavailable as error:
        print(f"frameloom: Why workers wait is not known: {error}", file=sys.stderr)
        return []


def show_job(farm: Farm, job_id: str, *, json: bool) -> None:
    """Print how one job stands and where its results are.

    Raises:
        InvalidRequest: the farm knows of no such job.
    """
    execution = farm.executions.describe(job_id)
    if execution is None:
        raise InvalidRequest(field="JOB", problem=f"the farm knows of no job {job_id!r}")
    facts = describe(execution, store=farm.store, buckets=farm.buckets) | {"started": execution.started}
    if execution.ended is not None:
        facts["ended"] = execution.ended
    if json:
        tell_json(facts)
        return
    console = Console(highlight=False)
    lines = {
        "job": job_id,
        "status": facts["status"],
        "scene": facts.get("scene"),
        "frames": _frames(facts) or None,
        "started": _when(execution.started),
        "ended": _when(execution.ended) if execution.ended else None,
        "error": ": ".join(filter(None, [execution.error, execution.cause])) or None,
        "video": _place(facts.get("video")),
        "report": _place(facts.get("report")),
    }
    for name, value in lines.items():
        if value is not None:
            style = STYLES.get(value, "") if name == "status" else ""
            console.print(Text(f"{name:<8} ").append(value, style=style), soft_wrap=True)


def _frames(job: Mapping[str, Any]) -> str:
    frames = job.get("frames")
    return "" if frames is None else f"{frames['done']:,} of {frames['total']:,}"


def _short(scene: str) -> str:
    """Return a scene's key with the folder that it is in; one job alone is shown with the whole of it."""
    *above, folder, name = ["", *scene.split("/")]
    return f".../{folder}/{name}" if len(above) > 1 else scene


def _place(place: Mapping[str, str] | None) -> str | None:
    return None if place is None else f"s3://{place['bucket']}/{place['key']}"


def _when(time: str) -> str:
    """Return an ISO 8601 time to the second, as the farm tells it."""
    return time[:19].replace("T", " ")


def _span(cells: list[str], index: int) -> tuple[int, int]:
    """Return where a cell begins and ends in a line of cells that stand two spaces apart."""
    first = sum(len(cell) + 2 for cell in cells[:index])
    return first, first + len(cells[index])
