"""A worker's log: lines on stderr, batches for the log queue, pieces on the disk."""

import contextlib
import io
import json
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from frameloom.model.log_event import LogEvent
from frameloom.model.messages import LogBatch, LogRecord
from worker import log_shipper
from worker.log import log
from worker.log_shipper import LogShipper, ship_leftover_logs

LIBRARY = logging.getLogger("library.connections")


@pytest.fixture(autouse=True)
def library_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the library log its warnings, as by default; other tests of this process may have changed that."""
    monkeypatch.setattr(LIBRARY, "disabled", False)
    LIBRARY.setLevel(logging.WARNING)


@contextmanager
def logging_to(folder: Path, send: Callable[[str], None], job_id: str | None = "job") -> Iterator[LogShipper]:
    """Install a shipper that only ships when it is asked to, as the handler of all loggers."""
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_shipper, "SHIP_EVERY", 3600)
        shipper = LogShipper(worker="w", send=send, folder=folder)
        logging.getLogger().addHandler(shipper)
        if job_id is not None:
            shipper.bind(job_id=job_id, chunk_id="1-000000")
        try:
            yield shipper
        finally:
            logging.getLogger().removeHandler(shipper)


def records(*bodies: str) -> list[LogRecord]:
    return [record for body in bodies for record in LogBatch.model_validate_json(body).records]


def messages(*bodies: str) -> list[str]:
    return [record.message for record in records(*bodies)]


def test_a_record_names_its_event_job_chunk_and_frame(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bodies: list[str] = []
    with logging_to(tmp_path, bodies.append) as shipper:
        log.info(LogEvent.FRAME_RENDERED, "100 % done", frame=7, seconds=1.5)
        shipper.ship()
    (record,) = records(*bodies)
    assert record.event is LogEvent.FRAME_RENDERED
    assert (record.worker, record.job_id, record.chunk_id, record.frame) == ("w", "job", "1-000000", 7)
    assert (record.level, record.message, record.facts) == ("info", "100 % done", {"seconds": 1.5})
    assert LogRecord.model_validate_json(capsys.readouterr().err) == record


@pytest.mark.parametrize("job_id", ["job", None])
def test_a_librarys_warning_is_shipped_with_the_id_of_the_job_that_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], job_id: str | None
) -> None:
    bodies: list[str] = []
    with logging_to(tmp_path, bodies.append, job_id) as shipper:
        LIBRARY.info("Found credentials in %s", "a file")
        try:
            raise TimeoutError("no answer")
        except TimeoutError:
            LIBRARY.warning("Refreshing failed: %s", "advisory", exc_info=True)
        shipper.ship()
    (written,) = map(LogRecord.model_validate_json, capsys.readouterr().err.splitlines())
    assert (written.level, written.message, written.event) == ("warning", "Refreshing failed: advisory", None)
    assert written.facts["logger"] == "library.connections"
    assert written.facts["traceback"].endswith("TimeoutError: no answer")
    assert records(*bodies) == ([written] if job_id else [])


def test_what_a_shipment_logs_is_not_shipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Else each attempt to ship would leave lines to ship, for as long as the log queue is away."""
    bodies: list[str] = []

    def refuse(body: str) -> None:
        LIBRARY.warning("Connection pool is full")
        if len(bodies) < 5:
            bodies.append(body)
            raise ConnectionError("no route")

    with logging_to(tmp_path, refuse) as shipper:
        log.info(LogEvent.FRAME_STARTED, "line")
        for _ in range(6):
            shipper.ship()
        assert messages(*bodies) == ["line"] * 5
        assert list(tmp_path.iterdir()) == []
        LIBRARY.warning("later")
        bodies.clear()
        shipper.ship()
    assert messages(*bodies) == ["later"]
    written = [LogRecord.model_validate_json(line) for line in capsys.readouterr().err.splitlines()]
    failures = [record for record in written if record.event is LogEvent.LOG_QUEUE_FAILED]
    assert len(failures) >= 5
    # Records that are not shipped name no job, so a job's log lacks no record that names it.
    assert {record.job_id for record in failures} == {None}


def test_a_log_queue_that_botocore_does_not_reach_leaves_one_record_to_ship(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "botocore")
    caplog.set_level(logging.DEBUG, "urllib3")
    sqs: Any = boto3.client(
        "sqs",
        region_name="eu-central-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        endpoint_url="http://127.0.0.1:9",
        config=Config(retries={"total_max_attempts": 1}),
    )

    def send(body: str) -> None:
        sqs.send_message(QueueUrl="http://127.0.0.1:9/logs", MessageBody=body)

    with logging_to(tmp_path, send) as shipper, contextlib.redirect_stderr(io.StringIO()) as stderr:
        log.info(LogEvent.FRAME_STARTED, "line")
        for _ in range(3):
            shipper.ship()
        (piece,) = tmp_path.iterdir()
        assert len(piece.read_bytes().splitlines()) == 1
    # The shipments themselves log dozens of lines at this level.
    assert len(stderr.getvalue().splitlines()) > 20
    with pytest.raises(BotoCoreError):
        send("")


def test_a_shipper_handles_all_loggers_until_it_exits(tmp_path: Path) -> None:
    bodies: list[str] = []
    before = list(logging.getLogger().handlers)
    with LogShipper(worker="w", send=bodies.append, folder=tmp_path) as shipper:
        shipper.bind(job_id="job")
        log.info(LogEvent.FRAME_STARTED, "line")
    assert messages(*bodies) == ["line"]
    assert logging.getLogger().handlers == before
    log.info(LogEvent.FRAME_STARTED, "after")
    assert messages(*bodies) == ["line"]


def test_a_piece_that_was_shipped_as_its_worker_died_is_shipped_again_under_its_own_name(tmp_path: Path) -> None:
    first: list[str] = []

    def send(body: str) -> None:
        first.append(body)
        # The queue has the piece, and the worker does not learn of it.
        raise ConnectionError

    with logging_to(tmp_path, send) as shipper:
        log.info(LogEvent.FRAME_STARTED, "line")
        shipper.ship()
    again: list[str] = []
    ship_leftover_logs(tmp_path, again.append)
    assert [json.loads(body) for body in again] == [json.loads(body) for body in first]


def test_a_cut_line_is_left_out_and_the_rest_is_shipped(tmp_path: Path) -> None:
    bodies: list[str] = []
    with logging_to(tmp_path, lambda _: None) as shipper:
        log.info(LogEvent.FRAME_STARTED, "line 0")
        (piece,) = tmp_path.iterdir()
        whole = piece.read_bytes()
        piece.write_bytes(whole + whole[:20] + b"\n" + whole)
        ship_leftover_logs(tmp_path, bodies.append)
        # Closes the piece, which the shipper still writes to.
        shipper.ship()
    assert messages(*bodies) == ["line 0", "line 0"]


def test_a_full_disk_loses_no_line_of_a_living_worker(tmp_path: Path) -> None:
    bodies: list[str] = []
    with logging_to(tmp_path / "log", bodies.append) as shipper:
        (tmp_path / "log").rmdir()
        log.info(LogEvent.FRAME_STARTED, "line")
        shipper.ship()
    assert messages(*bodies) == ["line"]


def test_lines_of_several_threads_stay_whole(tmp_path: Path) -> None:
    written: list[str] = []

    class Stderr:
        """Lets another thread in after each write, as the interpreter may."""

        def write(self, text: str) -> None:
            written.append(text)
            time.sleep(0)

        def flush(self) -> None:
            pass

    stderr: Any = Stderr()
    with logging_to(tmp_path, lambda _: None, None), contextlib.redirect_stderr(stderr), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: log.info(LogEvent.FRAME_STARTED, str(number)), range(200)))
    assert sorted(int(json.loads(text)["message"]) for text in written) == list(range(200))
    assert all(text.endswith("}\n") for text in written)
