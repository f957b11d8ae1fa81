"""Workers that are killed: the next one ships what they had logged, and takes their files away."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from frameloom.model.messages import LogBatch
from worker.log import LogShipper, ship_left_behind
from worker.workdir import WorkerFolder, logs_in, settle_estates

CHECKOUT = Path(__file__).parents[2]

# Logs ten lines to a log queue that takes `argv[2]` pieces and then hangs, and says when it has.
WORKER = """
import sys, time
from pathlib import Path
from worker.workdir import WorkerFolder
from worker.log import LogShipper

taken = []

def send(body):
    if len(taken) == int(sys.argv[2]):
        time.sleep(3600)
    taken.append(body)
    print(body, flush=True)

with WorkerFolder(Path(sys.argv[1])) as folder, LogShipper(worker="w", send=send, folder=folder.logs) as log:
    log.bind(job_id="job")
    for number in range(10):
        log.info(f"line {number}")
        if number == 4:
            while not taken and int(sys.argv[2]):
                time.sleep(0.01)
    (folder.path / "frame_0001.png").write_bytes(b"half a fra")
    print("logged", flush=True)
    time.sleep(3600)
"""


@contextmanager
def worker(root: Path, *, takes: int) -> Iterator[tuple["subprocess.Popen[str]", list[str]]]:
    """Run such a worker; yield it and what its log queue took, once it has logged all."""
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
    """Do as a worker does that starts."""
    settle_estates(root, lambda folder: ship_left_behind(logs_in(folder), send))


@pytest.mark.parametrize("takes", [0, 1])
def test_not_a_line_of_a_killed_worker_is_lost_and_nothing_of_it_stays(tmp_path: Path, takes: int) -> None:
    with worker(tmp_path, takes=takes) as (process, taken):
        assert len(taken) == takes
        process.send_signal(signal.SIGKILL)
        process.wait()
    bodies = list(taken)
    inherit(tmp_path, bodies.append)
    # As collect_logs stores them: the same part over what was there.
    pieces = {batch.part: batch for batch in map(LogBatch.model_validate_json, bodies)}
    assert {(batch.worker, batch.job_id) for batch in pieces.values()} == {("w", "job")}
    lines = [record.message for part in sorted(pieces) for record in pieces[part].records]
    assert lines == [f"line {number}" for number in range(10)]
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_lives_keeps_what_is_its_own(tmp_path: Path) -> None:
    with worker(tmp_path, takes=0), WorkerFolder(tmp_path) as mine:
        inherit(tmp_path, lambda _: pytest.fail("it lives"))
        assert len(list(tmp_path.iterdir())) == 2
        assert mine.path.exists()


def test_a_piece_that_was_shipped_as_its_worker_died_goes_again_under_its_own_name(tmp_path: Path) -> None:
    first: list[str] = []

    def send(body: str) -> None:
        first.append(body)
        # The queue has it, the worker never hears of that.
        raise ConnectionError

    log = LogShipper(worker="w", send=send, folder=tmp_path / "log")
    (tmp_path / "log").mkdir()
    log.bind(job_id="job")
    log.info("line")
    log.flush()
    again: list[str] = []
    ship_left_behind(tmp_path / "log", again.append)
    assert [json.loads(body) for body in again] == [json.loads(body) for body in first]


def test_what_the_log_queue_does_not_take_stays_for_the_next_worker(tmp_path: Path) -> None:
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


def test_half_a_line_is_left_out_and_the_rest_is_shipped(tmp_path: Path) -> None:
    log = LogShipper(worker="w", send=lambda _: None, folder=tmp_path)
    log.bind(job_id="job")
    log.info("line 0")
    (piece,) = tmp_path.iterdir()
    whole = piece.read_bytes()
    piece.write_bytes(whole + whole[:20] + b"\n" + whole)
    bodies: list[str] = []
    ship_left_behind(tmp_path, bodies.append)
    assert [record.message for record in LogBatch.model_validate_json(bodies[0]).records] == ["line 0", "line 0"]
    # It still has the piece open.
    log.flush()


def test_a_disk_that_takes_no_file_loses_no_line_of_a_worker_that_lives(tmp_path: Path) -> None:
    bodies: list[str] = []
    log = LogShipper(worker="w", send=bodies.append, folder=tmp_path / "not" / "there")
    log.bind(job_id="job")
    log.info("line")
    log.flush()
    assert [record.message for record in LogBatch.model_validate_json(bodies[0]).records] == ["line"]


def test_a_folder_goes_with_its_worker(tmp_path: Path) -> None:
    with WorkerFolder(tmp_path) as folder:
        (folder.path / "scene.blend").write_bytes(b"")
        assert list(tmp_path.iterdir()) == [folder.path]
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_is_told_to_go_while_the_log_queue_is_away_leaves_its_log_to_the_next(tmp_path: Path) -> None:
    def refuse(_: str) -> None:
        raise ConnectionError

    with WorkerFolder(tmp_path) as folder, LogShipper(worker="w", send=refuse, folder=folder.logs) as log:
        log.bind(job_id="job")
        log.info("line")
    bodies: list[str] = []
    inherit(tmp_path, bodies.append)
    assert [record.message for record in LogBatch.model_validate_json(bodies[0]).records] == ["line"]
    assert list(tmp_path.iterdir()) == []


def test_lines_of_several_threads_stay_lines(tmp_path: Path) -> None:
    written: list[str] = []

    class Stderr:
        """Lets another thread in after each write, as the interpreter may."""

        def write(self, text: str) -> None:
            written.append(text)
            time.sleep(0)

        def flush(self) -> None:
            pass

    log = LogShipper(worker="w", send=lambda _: None, folder=tmp_path)
    with contextlib.redirect_stderr(Stderr()), ThreadPoolExecutor(8) as pool:  # type: ignore[type-var]
        list(pool.map(log.info, map(str, range(200))))
    assert sorted(int(json.loads(text)["message"]) for text in written) == list(range(200))
    assert all(text.endswith("}\n") for text in written)
