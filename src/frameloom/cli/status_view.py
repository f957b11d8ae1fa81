"""What `frameloom status` shows of a farm and of a job."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

from rich.text import Text

from frameloom.aws.queue import read_depths
from frameloom.cli.console import make_console
from frameloom.cli.fleet.pending_workers import fleet_waits
from frameloom.cli.output import tell_json
from frameloom.cli.terminal import plain, warn
from frameloom.client.connect import Farm
from frameloom.client.find_job import NEWEST, known_job
from frameloom.model.errors import FarmUnavailable
from frameloom.services.skipped_executions import is_skipped
from frameloom.services.submit_job import describe

if TYPE_CHECKING:
    from frameloom.kube.pending_reasons import Wait

STYLES = {"succeeded": "green", "failed": "red", "canceled": "yellow", "running": "cyan", "queued": "cyan"}


def show_farm(farm: Farm, *, limit: int, json: bool, stack: str | None = None) -> None:
    """Print the queue's depth, why the workers of a stack do not start, and the newest jobs."""
    queue = asdict(read_depths(farm.chunk_queue, farm.dead_letter_queue))
    jobs = list(islice(_jobs(farm), limit))
    waits = _waits(stack) if stack is not None and queue["waiting"] else []
    if json:
        tell_json({"queue": queue, "waits": [asdict(each) for each in waits], "jobs": jobs})
        return
    console = make_console()
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
        (
            plain(job["job_id"]),
            job["status"],
            _frames(job),
            _when(job["started"]),
            plain(_short(job.get("scene", ""))),
        )
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
    """Return why a stack's workers do not start; if the cluster cannot be reached, warn and return nothing."""
    try:
        return fleet_waits(stack)
    except FarmUnavailable as error:
        warn(f"frameloom: The reasons why workers wait are unknown: {error}")
        return []


def _jobs(farm: Farm) -> Iterator[dict[str, Any]]:
    """Yield the newest jobs, without the executions that the command line's own uploads start."""
    for execution in farm.executions.list(limit=NEWEST):
        facts = describe(execution, store=farm.store, buckets=farm.buckets)
        # An execution with a manifest is a job.
        if "scene" in facts or not is_skipped(
            execution, executions=farm.executions, store=farm.store, buckets=farm.buckets
        ):
            yield facts | {"started": execution.started}


def show_job(farm: Farm, job: str, *, json: bool) -> None:
    """Print how one job stands and where its results are.

    Raises:
        InvalidRequest: the farm has no such job, or several.
    """
    execution = known_job(farm.executions, job)
    facts = describe(execution, store=farm.store, buckets=farm.buckets) | {"started": execution.started}
    if execution.ended is not None:
        facts["ended"] = execution.ended
    if json:
        tell_json(facts)
        return
    console = make_console()
    lines = {
        "job": execution.job_id,
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
            console.print(Text(f"{name:<8} ").append(plain(value), style=style), soft_wrap=True)


def _frames(job: Mapping[str, Any]) -> str:
    frames = job.get("frames")
    return "" if frames is None else f"{frames['done']:,} of {frames['total']:,}"


def _short(scene: str) -> str:
    """Return the last folder and the name of a scene's key; `show_job` prints the whole key."""
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
