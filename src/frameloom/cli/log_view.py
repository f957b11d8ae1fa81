"""What `frameloom logs` shows: a line for each record, coloured by its level on a terminal."""

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from frameloom.cli.console import make_console
from frameloom.cli.signals import Left
from frameloom.cli.terminal import plain, say_json
from frameloom.client.connect import Farm
from frameloom.client.find_job import find_job
from frameloom.model.errors import InvalidRequest
from frameloom.model.messages import LogRecord
from frameloom.services.read_log import JobLog

STYLES = {"debug": "dim", "info": "", "warning": "yellow", "error": "red"}


def show(farm: Farm, name: str, *, follow: bool, frame: int | None, worker: str | None, json: bool) -> None:
    """Print a job's log.

    Raises:
        InvalidRequest: the farm has no such job, or several.
    """
    job = find_job(farm.executions, name)
    job_id = name if job is None else job.job_id
    log = JobLog(job_id, store=farm.store, buckets=farm.buckets, worker=worker, frame=frame)
    console = make_console()
    if follow and job is not None:
        try:
            for records in log.follow(job_id, farm.executions):
                _print(records, console, json=json)
        except KeyboardInterrupt:
            raise Left(f"Job {job_id} continues.") from None
        return
    records = log.read()
    # Step Functions forgets a job after some months; its log is kept for as long as the bucket keeps it.
    if job is None and not records:
        raise InvalidRequest(field="JOB", problem=f"the farm knows of no job {name!r}")
    _print(records, console, json=json)


def _print(records: Iterable[LogRecord], console: Console, *, json: bool) -> None:
    for record in records:
        if json:
            say_json(record.to_json(), indent=None)
        else:
            console.print(_line(record), soft_wrap=True)


def _line(record: LogRecord) -> Text:
    when = record.time[:23].replace("T", " ")
    facts = {"frame": record.frame, "chunk": record.chunk_id, **record.facts}
    said = " ".join([record.message, *(f"{name}={value}" for name, value in facts.items() if value is not None)])
    line = Text(f"{when}  {plain(record.worker)}  ")
    return line.append(plain(said), style=STYLES[record.level])
