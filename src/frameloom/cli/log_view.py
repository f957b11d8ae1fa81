"""The output of `frameloom logs`: a line per record, coloured by its level on a terminal."""

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from frameloom.cli.console import make_console
from frameloom.cli.signals import Left
from frameloom.cli.terminal import plain, say_json
from frameloom.client import Farm
from frameloom.model.messages import LogRecord

STYLES = {"debug": "dim", "info": "", "warning": "yellow", "error": "red"}


def show(farm: Farm, name: str, *, follow: bool, frame: int | None, worker: str | None, json: bool) -> None:
    """Print a job's log.

    Raises:
        InvalidRequest: the farm has no such job, or several.
        Left: the command was interrupted; the job continues.
    """
    console = make_console()
    job = farm.find_job(name) if follow else None
    if job is None:
        _print(farm.logs(name, frame=frame, worker=worker), console, json=json)
        return
    try:
        _print(job.logs(follow=True, frame=frame, worker=worker), console, json=json)
    except KeyboardInterrupt:
        raise Left(f"Job {job.id} continues.") from None


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
