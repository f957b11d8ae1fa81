"""What jobs cost by service, how long they take, and which quotas they meet: the tables of docs/scale.md.

It also writes the cost of an idle farm, a table of docs/operator.md.

python -m frameloom.estimate.costs [--frames N ...] [--workers N ...] [--seconds S] [--json | --write | --check]
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from frameloom.estimate import prices
from frameloom.estimate.idle_costs import COLLECT_MEMORY, DISK_GB, LOG_BYTES, POLLS_A_SECOND, idle_rows
from frameloom.estimate.job_scale import FRAME_BYTES, Case, Estimate, estimate, given_up, longest_wait
from frameloom.estimate.operations import Operations
from frameloom.estimate.prices import PRICES
from frameloom.estimate.quotas import QUOTAS, Quota
from frameloom.model.request import QUEUE_TIMEOUT, JobRequest

DOCUMENT, OPERATIONS = Path("docs", "scale.md"), Path("docs", "operator.md")
FRAMES, WORKERS = (250, 10_000, 1_000_000), (10, 1_000, 10_000)
# What a request asks for that says nothing of workers, and what a fleet has that was told nothing (cluster/).
DEFAULT_MAX_WORKERS, DEFAULT_FLEET = int(JobRequest.model_fields["max_workers"].default), 10

# Megabytes of each function: template.yaml. Disks beyond the half gigabyte that costs nothing are below a cent a job.
MEMORY = {
    "PrepareJobFunction": 1769,
    "PlanChunksFunction": 1024,
    "VerifyFramesFunction": 1024,
    "EncodeSegmentFunction": 3008,
    "StitchVideoFunction": 1769,
    "LogJobFunction": 1024,
    "CollectLogsFunction": COLLECT_MEMORY,
}
# Bytes of a request to SQS or Step Functions and its response.
REQUEST_BYTES = 4_000
# X-Ray takes the first in each second, and this part of the others.
SAMPLED = 0.05

ON_DEMAND, SPOT = "EC2, on demand", "EC2, spot"


def bill(job: Estimate) -> dict[str, float]:
    """Return dollars by service; of the two for EC2 one is paid."""
    asked, hours = job.asked, job.worker_hours
    cluster = (
        prices.CONTROL_PLANE_HOUR.dollars
        + prices.SMALL_NODE_HOUR.dollars
        + prices.DISK_MONTH.of(DISK_GB) / prices.MONTH
        + prices.NAT_HOUR.dollars
    )
    traces = _calls(asked) + 1 + job.chunks
    return {
        ON_DEMAND: prices.ON_DEMAND_HOUR.of(hours),
        SPOT: prices.SPOT_HOUR.of(hours),
        "EKS Auto Mode": prices.AUTO_MODE_HOUR.of(hours),
        "EBS": prices.DISK_MONTH.of(DISK_GB * hours / prices.MONTH),
        "EKS, KEDA's node with its disk, NAT, while the job runs": cluster * job.wall / 3600,
        "Step Functions": prices.TRANSITION.of(asked.transitions + asked.child_transitions),
        "SQS": prices.SQS_REQUEST.of(sqs_requests(job)),
        "S3, requests": prices.S3_PUT.of(asked.s3_puts + asked.s3_lists) + prices.S3_GET.of(asked.s3_gets),
        "Lambda": sum(
            prices.LAMBDA_REQUEST.of(calls) + prices.LAMBDA_SECOND.of(MEMORY[name] / 1024 * job.spent[name])
            for name, calls in asked.lambda_calls.items()
        ),
        "CloudWatch Logs": prices.LOGS_GB.of(_calls(asked) * LOG_BYTES / 1e9),
        "X-Ray": prices.TRACE.of(min(traces, job.wall + SAMPLED * traces)),
        "EventBridge": prices.EVENT.of(1),
        "NAT, bytes": prices.NAT_GB.of((sqs_requests(job) + job.beats + job.chunks) * REQUEST_BYTES / 1e9),
    }


def sqs_requests(job: Estimate) -> float:
    """Return what SQS has to answer: for the chunks, for the renewals of their leases, and to who polls meanwhile."""
    renewals = job.beats - job.asked.tokens["SendTaskHeartbeat"]
    return job.asked.sqs_requests + renewals + POLLS_A_SECOND * job.wall


def _calls(asked: Operations) -> int:
    return sum(asked.lambda_calls.values())


def total(lines: Mapping[str, float], *, less: str) -> float:
    """Return the sum of a bill, one kind of EC2 left out."""
    return sum(dollars for name, dollars in lines.items() if name != less)


def orchestrator(lines: Mapping[str, float]) -> float:
    """Return what is paid beside the machines and the cluster."""
    names = list(lines)
    return sum(lines[name] for name in names[names.index("Step Functions") :])


def cases(frames: Sequence[int] = FRAMES, workers: Sequence[int] = WORKERS, seconds: float = 60.0) -> list[Case]:
    """Return every job on every fleet."""
    return [Case(frames=count, workers=fleet, seconds=seconds) for count in frames for fleet in workers]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _words(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return _table(head, rows).replace("---:", "---")


def dollars(amount: float) -> str:
    """Return an amount as a person reads it."""
    if amount < 0.001:
        return "< 0.001"
    return f"{amount:,.3f}" if amount < 1 else f"{amount:,.2f}" if amount < 1000 else f"{amount:,.0f}"


def minutes(seconds: float) -> str:
    """Return minutes as a person reads them, days beside them where they are many."""
    text = f"{seconds / 60:,.1f}" if seconds < 60_000 else f"{seconds / 60:,.0f}"
    return f"{text} ({seconds / 86_400:.1f} days)" if seconds > 2 * 86_400 else text


def minutes_table(jobs: Sequence[Estimate]) -> str:
    """Return what each job waits for."""
    head = [
        "frames, workers",
        "chunks",
        "workers that come",
        "nodes and frames",
        "film",
        "all else",
        "in all",
        "at best",
    ]

    def row(job: Estimate) -> list[str]:
        rest = job.wall - job.steps["render"] - job.steps["film"]
        times = (job.steps["render"], job.steps["film"], rest, job.wall, job.case.ideal)
        return [_named(job.case), f"{job.chunks:,}", f"{job.came:,}", *map(minutes, times)]

    return _table(head, map(row, jobs))


def dollars_table(jobs: Sequence[Estimate]) -> str:
    """Return the bill of each of these jobs, a column each."""
    bills = [bill(job) for job in jobs]
    rows: list[list[str]] = [[name, *(dollars(lines[name]) for lines in bills)] for name in bills[0]]
    frames = [job.case.frames for job in jobs]
    for name, less in (("in all, on demand", SPOT), ("in all, spot", ON_DEMAND)):
        rows.append([f"**{name}**", *(f"**{dollars(total(lines, less=less))}**" for lines in bills)])
    rows.append(["from Step Functions down", *(dollars(orchestrator(lines)) for lines in bills)])
    cents = (orchestrator(lines) / count * 100 for lines, count in zip(bills, frames, strict=True))
    rows.append(["the same, cents a frame", *(f"{each:.4f}" for each in cents)])
    stored = (prices.S3_MONTH.of((job.case.frames * FRAME_BYTES + job.film_bytes) / 1e9) for job in jobs)
    rows.append(["S3, frames and film, each month", *map(dollars, stored)])
    head = [f"{jobs[0].case.frames:,} frames, dollars", *(f"{job.case.workers:,} workers" for job in jobs)]
    return _table(head, rows)


def quotas_table(jobs: Sequence[Estimate]) -> str:
    """Return how far jobs of each size go into each quota, on the fleet that goes furthest."""
    sizes = sorted({job.case.frames for job in jobs})
    head = [
        "quota",
        "default",
        "raised",
        "binds at",
        *(f"{size:,} frames" for size in sizes),
        "how the design stays under",
    ]

    def row(quota: Quota) -> list[str]:
        used = [max(quota.used(job) for job in jobs if job.case.frames == size) for size in sizes]
        name = quota.name if not quota.source.startswith("http") else f"[{quota.name}]({quota.source})"
        limit = _amount(quota.most, quota.unit)
        shown = (_amount(most, quota.unit if quota.unit == "bytes" else "") for most in used)
        told = (f"**{text}**" if most > quota.most else text for text, most in zip(shown, used, strict=True))
        return [name, limit, "yes" if quota.raised else "no", quota.step, *told, quota.design]

    return _words(head, map(row, QUOTAS))


def waits_table() -> str:
    """Return how long a chunk waits where the job expects more workers than there are, and what becomes of that."""
    head = [
        f"frames of a minute, {DEFAULT_FLEET} workers",
        "longest wait, hours",
        f"with `max_workers` {DEFAULT_FLEET}",
        "chunks",
        "that fail for it",
    ]

    def row(frames: int) -> list[str]:
        case = Case(frames=frames, workers=DEFAULT_FLEET)
        wait, fitting = (longest_wait(case, most) for most in (DEFAULT_MAX_WORKERS, DEFAULT_FLEET))
        failed, chunks = given_up(case, DEFAULT_MAX_WORKERS, QUEUE_TIMEOUT)
        hours = f"{wait / 3600:.1f}"
        told = f"**{hours}**" if wait > QUEUE_TIMEOUT else hours
        lost = f"**{failed:,}**" if failed else "0"
        return [f"{frames:,}", told, f"{fitting / 3600:.1f}", f"{chunks:,}", lost]

    return _table(head, map(row, (250, 1_000, 5_000, 10_000, 20_000, 100_000, 1_000_000)))


def prices_table() -> str:
    """Return what each price is and where it stands."""
    rows = (
        [
            price.unit,
            f"{price.dollars:.10f}".rstrip("0"),
            f"<{price.source}>",
            price.read or "not read: as commonly quoted",
            price.note,
        ]
        for price in PRICES
    )
    return _words(["one", "dollars", "source", "read", "note"], rows)


def _named(case: Case) -> str:
    return f"{case.frames:,}, {case.workers:,}"


def _amount(number: float, unit: str) -> str:
    """Return a number with its unit; bytes as a person reads them."""
    if unit == "bytes":
        for name, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
            if number >= size:
                return f"{number / size:.3g} {name}"
    text = f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.2g}"
    return f"{text} {unit}".strip()


def tables() -> dict[str, str]:
    """Return each table of the document by the name between its markers."""
    found = {frames: [estimate(case) for case in cases([frames])] for frames in FRAMES}
    jobs = [job for row in found.values() for job in row]
    return {
        "minutes": minutes_table(jobs),
        **{f"dollars {frames}": dollars_table(row) for frames, row in found.items()},
        "quotas": quotas_table(jobs),
        "waits": waits_table(),
        "prices": prices_table(),
    }


def idle_tables() -> dict[str, str]:
    """Return the table of docs/operator.md, keyed by the name in its markers."""
    return {"idle": _words(["what", "how", "a month"], idle_rows())}


# The tables of each document.
DOCUMENTS: Mapping[Path, Callable[[], dict[str, str]]] = {DOCUMENT: tables, OPERATIONS: idle_tables}


def written(text: str, document: Path = DOCUMENT) -> str:
    """Return a document with its tables updated; the text around them stays.

    Raises:
        LookupError: the document lacks the markers of a table.
    """
    for name, table in DOCUMENTS[document]().items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        before, opened, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (opened and closed):
            raise LookupError(f"{document} has no place for the table {name!r}")
        text = before + begin + table + end + after
    return text


def main() -> int:
    """Print the tables of some jobs, or write those of the document."""
    parser = argparse.ArgumentParser(prog="python -m frameloom.estimate.costs", description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=FRAMES)
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS)
    parser.add_argument("--seconds", type=float, default=60.0, help="that a frame takes (default 60)")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--json", action="store_true", help="print JSON")
    named = " and ".join(map(str, DOCUMENTS))
    action.add_argument("--write", action="store_true", help=f"write the tables of {named}")
    action.add_argument("--check", action="store_true", help=f"fail where those of {named} are not up to date")
    arguments = parser.parse_args()
    if arguments.write or arguments.check:
        return max(_refresh(document, check=arguments.check) for document in DOCUMENTS)
    found = [
        [estimate(case) for case in cases([frames], arguments.workers, arguments.seconds)]
        for frames in arguments.frames
    ]
    jobs = [job for row in found for job in row]
    if arguments.json:
        print(json.dumps([_json(job) for job in jobs], indent=2))
    else:
        print("\n".join([minutes_table(jobs), *map(dollars_table, found), quotas_table(jobs)]))
    return 0


def _refresh(document: Path, *, check: bool) -> int:
    """Write a document's tables; with `check`, only return 1 if they are not up to date."""
    text = document.read_text(encoding="utf-8")
    now = written(text, document)
    if not check:
        document.write_text(now, encoding="utf-8")
    elif now != text:
        print(f"{document} is not up to date: run `python -m frameloom.estimate.costs --write`.", file=sys.stderr)
        return 1
    return 0


def _json(job: Estimate) -> dict[str, object]:
    return {
        **asdict(job.case),
        "chunks": job.chunks,
        "workers_that_come": job.came,
        "seconds_of": dict(job.steps),
        "seconds_in_all": job.wall,
        "dollars": bill(job),
        "quotas": {quota.name: {"most": quota.most, "used": quota.used(job)} for quota in QUOTAS},
    }


if __name__ == "__main__":
    sys.exit(main())
