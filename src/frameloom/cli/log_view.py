"""What `frameloom logs` shows: a line for each record, coloured by its level on a terminal."""

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from frameloom.cli.target import Farm
from frameloom.model.errors import InvalidRequest
from frameloom.model.messages import LogRecord
from frameloom.services.job_log import JobLog

STYLES = {"debug": "dim", "info": "", "warning": "yellow", "error": "red"}


def show(farm: Farm, job_id: str, *, follow: bool, frame: int | None, worker: str | None, json: bool) -> None:
    """Print a job's log.

    Raises:
        InvalidRequest: the farm knows of no such job.
    """
    log = JobLog(job_id, store=farm.store, buckets=farm.buckets, worker=worker, frame=frame)
    known = farm.executions.describe(job_id) is not None
    console = Console(highlight=False)
    if follow and known:
        try:
            for records in log.follow(job_id, farm.executions):
                _print(records, console, json=json)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"Job {job_id} was left, and goes on.") from None
        return
    records = log.read()
    # Step Functions forgets a job after some months; its log is kept for as long as the bucket keeps it.
    if not known and not records:
        raise InvalidRequest(field="JOB", problem=f"the farm knows of no job {job_id!r}")
    _print(records, console, json=json)


def _print(records: Iterable[LogRecord], console: Console, *, json: bool) -> None:
    for record in records:
        if json:
            print(record.model_dump_json(exclude_none=True), flush=True)
        else:
            console.print(_line(record), soft_wrap=True)


def _line(record: LogRecord) -> Text:
    when = record.time[:23].replace("T", " ")
    facts = {"frame": record.frame, "chunk": record.chunk_id, **record.facts}
    said = " ".join([record.message, *(f"{name}={value}" for name, value in facts.items() if value is not None)])
    line = Text(f"{when}  {_shown(record.worker)}  ")
    return line.append(_shown(said), style=STYLES[record.level])


def _shown(text: str) -> str:
    """Return a text that does nothing to a terminal: lines of Blender may hold what a scene had it print."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
