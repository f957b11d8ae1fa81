"""The logs of killed workers: the next worker ships them and removes their folders."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from frameloom.model.log_event import LogEvent
from frameloom.model.messages import LogBatch
from worker.log import log
from worker.log_shipper import LogShipper, ship_leftover_logs
from worker.service import ship_leftovers
from worker.workdir import WorkDir, clear_abandoned, log_folder

CHECKOUT = Path(__file__).parents[2]

# Logs ten lines to a log queue that takes `argv[2]` pieces and then hangs; prints "logged" at the end.
WORKER = """
import sys, time
from pathlib import Path
from frameloom.model.log_event import LogEvent
from worker.workdir import WorkDir
from worker.log import log
from worker.log_shipper import LogShipper

taken = []

def send(body):
    if len(taken) == int(sys.argv[2]):
        time.sleep(3600)
    taken.append(body)
    print(body, flush=True)

with WorkDir(Path(sys.argv[1])) as folder, LogShipper(worker="w", send=send, folder=folder.logs) as shipper:
    shipper.bind(job_id="job")
    for number in range(10):
        log.info(LogEvent.FRAME_STARTED, f"line {number}")
        if number == 4:
            while not taken and int(sys.argv[2]):
                time.sleep(0.01)
    (folder.path / "frame_0001.png").write_bytes(b"half a fra")
    print("logged", flush=True)
    time.sleep(3600)
"""


@contextmanager
def worker(root: Path, *, takes: int) -> Iterator[tuple["subprocess.Popen[str]", list[str]]]:
    """Run such a worker; yield it and the pieces that its log queue took, after the tenth line."""
    command = [sys.executable, "-c", WORKER, str(root), str(takes)]
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        taken = []
        for line in process.stdout:
            if line == "logged\n":
                break
            taken.append(line)
        try:
            yield process, taken
        finally:
            process.kill()


def inherit(root: Path, send: Callable[[str], None]) -> None:
    """Ship the leftover logs, as a worker does at its start."""
    clear_abandoned(root, lambda folder: ship_leftover_logs(log_folder(folder), send))


@pytest.mark.parametrize("takes", [0, 1])
def test_no_line_of_a_killed_worker_is_lost_and_its_folder_is_removed(tmp_path: Path, takes: int) -> None:
    with worker(tmp_path, takes=takes) as (process, taken):
        assert len(taken) == takes
        process.send_signal(signal.SIGKILL)
        process.wait()
    bodies = list(taken)
    inherit(tmp_path, bodies.append)
    # As collect_logs stores them: a part replaces the same part.
    pieces = {batch.part: batch for batch in map(LogBatch.model_validate_json, bodies)}
    assert {(batch.worker, batch.job_id) for batch in pieces.values()} == {("w", "job")}
    lines = [record.message for part in sorted(pieces) for record in pieces[part].records]
    assert lines == [f"line {number}" for number in range(10)]
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_living_worker_is_not_touched(tmp_path: Path) -> None:
    with worker(tmp_path, takes=0), WorkDir(tmp_path) as mine:
        inherit(tmp_path, lambda _: pytest.fail("it lives"))
        assert len(list(tmp_path.iterdir())) == 2
        assert mine.path.exists()


def test_pieces_that_the_log_queue_does_not_take_stay_for_the_next_worker(tmp_path: Path) -> None:
    with worker(tmp_path, takes=0) as (process, _):
        process.kill()
        process.wait()

    def refuse(_: str) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        inherit(tmp_path, refuse)
    bodies: list[str] = []
    inherit(tmp_path, bodies.append)
    assert sum(len(LogBatch.model_validate_json(body).records) for body in bodies) == 10
    assert list(tmp_path.iterdir()) == []


def test_the_worker_ships_leftover_logs_again_until_the_log_queue_takes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.service.FIRST_DELAY", 0.01)
    with worker(tmp_path, takes=0) as (process, _):
        process.kill()
        process.wait()
    refusals = iter([ConnectionError("down"), ConnectionError("down")])
    bodies: list[str] = []

    def send(body: str) -> None:
        for refusal in refusals:
            raise refusal
        bodies.append(body)

    ship_leftovers(tmp_path, send)
    assert sum(len(LogBatch.model_validate_json(body).records) for body in bodies) == 10
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_removed_with_its_worker(tmp_path: Path) -> None:
    with WorkDir(tmp_path) as folder:
        (folder.path / "scene.blend").write_bytes(b"")
        assert list(tmp_path.iterdir()) == [folder.path]
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_stops_while_the_log_queue_is_down_leaves_its_log_to_the_next(tmp_path: Path) -> None:
    def refuse(_: str) -> None:
        raise ConnectionError

    with WorkDir(tmp_path) as folder, LogShipper(worker="w", send=refuse, folder=folder.logs) as shipper:
        shipper.bind(job_id="job")
        log.info(LogEvent.FRAME_STARTED, "line")
    bodies: list[str] = []
    inherit(tmp_path, bodies.append)
    assert [record.message for record in LogBatch.model_validate_json(bodies[0]).records] == ["line"]
    assert list(tmp_path.iterdir()) == []
