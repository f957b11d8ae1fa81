"""The Markdown tables of docs/scale.md and docs/operator.md; `python -m frameloom.estimate --write` updates them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from frameloom.estimate.bill import ON_DEMAND, SPOT, bill, monthly_storage, orchestrator_cost, total
from frameloom.estimate.idle_costs import idle_rows
from frameloom.estimate.job_estimate import Case, Estimate, estimate
from frameloom.estimate.prices import PRICES
from frameloom.estimate.queue_waits import expired_chunks, longest_wait
from frameloom.estimate.quotas import QUOTAS, Quota
from frameloom.model.request import QUEUE_TIMEOUT, JobRequest

SCALE, OPERATOR = Path("docs", "scale.md"), Path("docs", "operator.md")
FRAMES, WORKERS = (250, 10_000, 1_000_000), (10, 1_000, 10_000)
# The `max_workers` of a request without one, and the size of a fleet without a setting (cluster/).
DEFAULT_MAX_WORKERS, DEFAULT_FLEET = int(JobRequest.model_fields["max_workers"].default), 10


def cases(frames: Sequence[int] = FRAMES, workers: Sequence[int] = WORKERS, seconds: float = 60.0) -> list[Case]:
    """Return each job on each fleet."""
    return [Case(frames=count, workers=fleet, seconds=seconds) for count in frames for fleet in workers]


def dollars(amount: float) -> str:
    """Return an amount for people, with three digits below a dollar."""
    if amount < 0.001:
        return "< 0.001"
    return f"{amount:,.3f}" if amount < 1 else f"{amount:,.2f}" if amount < 1000 else f"{amount:,.0f}"


def minutes(seconds: float) -> str:
    """Return minutes for people, with the days in parentheses beyond two."""
    text = f"{seconds / 60:,.1f}" if seconds < 60_000 else f"{seconds / 60:,.0f}"
    return f"{text} ({seconds / 86_400:.1f} days)" if seconds > 2 * 86_400 else text


def minutes_table(jobs: Sequence[Estimate]) -> str:
    """Return the minutes of each job by step."""
    head = ["frames, workers", "chunks", "workers started", "nodes and frames", "film", "all else", "total", "ideal"]

    def row(job: Estimate) -> list[str]:
        rest = job.wall - job.steps["render"] - job.steps["film"]
        times = (job.steps["render"], job.steps["film"], rest, job.wall, job.case.ideal)
        return [_case(job.case), f"{job.chunks:,}", f"{job.started_workers:,}", *map(minutes, times)]

    return _number_table(head, map(row, jobs))


def dollars_table(jobs: Sequence[Estimate]) -> str:
    """Return the bills of jobs of one size, a column for each fleet."""
    bills = [bill(job) for job in jobs]
    rows: list[list[str]] = [[name, *(dollars(lines[name]) for lines in bills)] for name in bills[0]]
    frames = [job.case.frames for job in jobs]
    for name, without in (("total, on demand", SPOT), ("total, spot", ON_DEMAND)):
        rows.append([f"**{name}**", *(f"**{dollars(total(lines, without=without))}**" for lines in bills)])
    rows.append(["from Step Functions down", *(dollars(orchestrator_cost(lines)) for lines in bills)])
    cents = (orchestrator_cost(lines) / count * 100 for lines, count in zip(bills, frames, strict=True))
    rows.append(["the same, cents a frame", *(f"{each:.4f}" for each in cents)])
    rows.append(["S3, frames and film, each month", *(dollars(monthly_storage(job)) for job in jobs)])
    head = [f"{jobs[0].case.frames:,} frames, dollars", *(f"{job.case.workers:,} workers" for job in jobs)]
    return _number_table(head, rows)


def quotas_table(jobs: Sequence[Estimate]) -> str:
    """Return the use of each quota by jobs of each size, on the fleet that uses most of it."""
    sizes = sorted({job.case.frames for job in jobs})
    head = ["quota", "limit", "adjustable", "step", *(f"{size:,} frames" for size in sizes), "how the farm stays below"]

    def row(quota: Quota) -> list[str]:
        used = [max(quota.used(job) for job in jobs if job.case.frames == size) for size in sizes]
        name = quota.name if not quota.source.startswith("http") else f"[{quota.name}]({quota.source})"
        texts = (amount(most, quota.unit if quota.unit == "bytes" else "") for most in used)
        marked = (f"**{text}**" if most > quota.limit else text for text, most in zip(texts, used, strict=True))
        adjustable = "yes" if quota.adjustable else "no"
        return [name, amount(quota.limit, quota.unit), adjustable, quota.step, *marked, quota.design]

    return _text_table(head, map(row, QUOTAS))


def waits_table() -> str:
    """Return the longest wait of a chunk where `max_workers` exceeds the fleet, and the chunks that fail for it."""
    head = [
        f"frames of a minute, {DEFAULT_FLEET} workers",
        "longest wait, hours",
        f"with `max_workers` {DEFAULT_FLEET}",
        "chunks",
        "of them expired twice",
    ]

    def row(frames: int) -> list[str]:
        case = Case(frames=frames, workers=DEFAULT_FLEET)
        wait, fitting = (longest_wait(case, most) for most in (DEFAULT_MAX_WORKERS, DEFAULT_FLEET))
        failed, chunks = expired_chunks(case, DEFAULT_MAX_WORKERS, QUEUE_TIMEOUT)
        hours = f"{wait / 3600:.1f}"
        marked = f"**{hours}**" if wait > QUEUE_TIMEOUT else hours
        return [f"{frames:,}", marked, f"{fitting / 3600:.1f}", f"{chunks:,}", f"**{failed:,}**" if failed else "0"]

    return _number_table(head, map(row, (250, 1_000, 5_000, 10_000, 20_000, 100_000, 1_000_000)))


def prices_table() -> str:
    """Return each price with its source."""
    rows = (
        [
            price.unit,
            f"{price.dollars:.10f}".rstrip("0"),
            f"<{price.source}>",
            price.read or "not read: as commonly quoted",
            price.note,
        ]
        for price in PRICES.values()
    )
    return _text_table(["unit", "dollars", "source", "read", "note"], rows)


def amount(number: float, unit: str) -> str:
    """Return a number with its unit for people; bytes in KiB to TiB."""
    if unit == "bytes":
        for name, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
            if number >= size:
                return f"{number / size:.3g} {name}"
    text = f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.2g}"
    return f"{text} {unit}".strip()


def scale_tables() -> dict[str, str]:
    """Return the tables of docs/scale.md, keyed by the name in their markers."""
    by_size = {frames: [estimate(case) for case in cases([frames])] for frames in FRAMES}
    jobs = [job for row in by_size.values() for job in row]
    return {
        "minutes": minutes_table(jobs),
        **{f"dollars {frames}": dollars_table(row) for frames, row in by_size.items()},
        "quotas": quotas_table(jobs),
        "waits": waits_table(),
        "prices": prices_table(),
    }


def idle_tables() -> dict[str, str]:
    """Return the table of an idle month, keyed by the name in its markers."""
    return {"idle": _text_table(["item", "quantity", "dollars a month"], idle_rows())}


# The tables of each document.
DOCUMENTS: Mapping[Path, Callable[[], dict[str, str]]] = {SCALE: scale_tables, OPERATOR: idle_tables}


def updated(text: str, document: Path = SCALE) -> str:
    """Return a document with its tables updated; the text around them stays.

    Raises:
        LookupError: the document lacks the markers of a table.
    """
    for name, table in DOCUMENTS[document]().items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        before, opened, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (opened and closed):
            raise LookupError(f"{document} has no markers for the table {name!r}.")
        text = before + begin + table + end + after
    return text


def _number_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _text_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return _number_table(head, rows).replace("---:", "---")


def _case(case: Case) -> str:
    return f"{case.frames:,}, {case.workers:,}"
