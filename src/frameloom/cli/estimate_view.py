"""Shows the estimate of a job: a table for people, or JSON."""

from dataclasses import asdict
from typing import Any

from rich.table import Table

from frameloom.cli.console import make_console
from frameloom.cli.durations import seconds_of
from frameloom.cli.output import tell_json
from frameloom.estimate.bill import ON_DEMAND, SPOT, bill, monthly_storage, total
from frameloom.estimate.job_estimate import Case, Estimate, estimate
from frameloom.estimate.quotas import QUOTAS
from frameloom.estimate.tables import amount, dollars, minutes
from frameloom.model.errors import InvalidRequest
from frameloom.model.frames import FrameRange
from frameloom.model.request import MAX_WORKERS


def run(*, frames: str, seconds: str, workers: str, json: bool) -> None:
    """Print the estimate of a job.

    Raises:
        InvalidRequest: an option has no valid value.
    """
    case = Case(
        frames=len(FrameRange.parse(frames, field="--frames")),
        workers=_count(workers),
        seconds=seconds_of(seconds, field="--seconds"),
    )
    job = estimate(case)
    if json:
        tell_json(document(job))
        return
    console = make_console()
    console.print(cost_table(job))
    for quota in QUOTAS:
        if quota.exceeded_by(job):
            used, limit = amount(quota.used(job), quota.unit), amount(quota.limit, quota.unit)
            remedy = quota.design[0].upper() + quota.design[1:]
            console.print(f"Exceeds the quota {quota.name}: uses {used}, limit {limit}. {remedy}.", soft_wrap=True)


def document(job: Estimate) -> dict[str, Any]:
    """Return the estimate as JSON: times in seconds, money in US dollars."""
    lines = bill(job)
    return {
        **asdict(job.case),
        "chunks": job.chunks,
        "workers_started": job.started_workers,
        "seconds_by_step": dict(job.steps),
        "seconds_total": job.wall,
        "dollars_by_service": lines,
        "dollars_total": {"on_demand": total(lines, without=SPOT), "spot": total(lines, without=ON_DEMAND)},
        "dollars_of_storage_a_month": monthly_storage(job),
        "requests": asdict(job.requests),
        "quotas": {quota.name: {"limit": quota.limit, "used": quota.used(job)} for quota in QUOTAS},
    }


def cost_table(job: Estimate) -> Table:
    """Return duration and dollars as a table."""
    lines = bill(job)
    title = f"{job.case.frames:,} frames of {job.case.seconds:g} s on {job.case.workers:,} workers"
    table = Table(title=title, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("minutes", minutes(job.wall))
    table.add_row("minutes without waiting and start-up", minutes(job.case.ideal))
    table.add_row("workers started", f"{job.started_workers:,}")
    table.add_row("chunks", f"{job.chunks:,}", end_section=True)
    for name, cost in lines.items():
        table.add_row(name, f"$ {dollars(cost)}")
    table.columns[0].no_wrap = True
    table.rows[-1].end_section = True
    table.add_row("total, on demand", f"$ {dollars(total(lines, without=SPOT))}")
    table.add_row("total, spot", f"$ {dollars(total(lines, without=ON_DEMAND))}")
    table.add_row("S3, frames and film, each month", f"$ {dollars(monthly_storage(job))}")
    return table


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_WORKERS:
        raise InvalidRequest(field="--workers", problem=f"takes a number from 1 to {MAX_WORKERS:,}, not {text!r}")
    return int(text)
