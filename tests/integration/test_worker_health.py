"""The file that a worker touches as it goes, and what its check says of it."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from frameloom.services.storage.ports import Received
from frameloom.testing import MemoryQueue, MemoryStore, MemoryTokens
from worker import health
from worker.blender import Blender
from worker.config import WorkerConfig
from worker.health import LONGEST_SILENCE, Health
from worker.lease import Lease
from worker.log_shipper import LogShipper
from worker.supervisor import Supervisor

NOW = 1_800_000_000.0
FARM = {"CHUNK_QUEUE_URL": "chunks", "LOG_QUEUE_URL": "logs", "LOG_BUCKET": "logs"}


@pytest.fixture
def alive(tmp_path: Path) -> Path:
    return tmp_path / "alive"


@pytest.fixture
def shipper(tmp_path: Path) -> LogShipper:
    return LogShipper(worker="worker-1", send=lambda _: None, folder=tmp_path / "log")


def check(path: Path | None) -> subprocess.CompletedProcess[str]:
    """Ask as a container's health check does."""
    environment = {"PATH": os.environ["PATH"]} | ({} if path is None else {"HEALTH_FILE": str(path)})
    return subprocess.run(
        [sys.executable, "-m", "worker.health"],
        cwd=Path(health.__file__).parents[1],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_worker_tells_at_every_poll(alive: Path, shipper: LogShipper, tmp_path: Path) -> None:
    config = WorkerConfig.from_environment({**FARM, "HEALTH_FILE": str(alive), "SCRATCH_DIR": str(tmp_path)})
    told: list[bool] = []

    def empty() -> None:
        told.append(alive.exists())
        alive.unlink(missing_ok=True)
        if len(told) == 2:
            signal.raise_signal(signal.SIGTERM)

    Supervisor(
        config=config,
        queue=MemoryQueue(on_empty=empty),
        store=MemoryStore(),
        tokens=MemoryTokens(),
        shipper=shipper,
        blender=Blender(scratch=tmp_path),
        folder=tmp_path,
    ).run()
    assert told == [True, True]


@pytest.mark.parametrize("dead", [False, True])
def test_a_worker_tells_at_every_beat_of_its_lease_while_a_frame_takes_its_time(
    alive: Path,
    dead: bool,  # noqa: FBT001
) -> None:
    """Also when the network is down: what is asked is whether the worker goes round."""

    class Tokens(MemoryTokens):
        def beat(self, token: str) -> bool:
            super().beat(token)
            if dead:
                raise ConnectionError("no route")
            return True

    tokens = Tokens()
    lease = Lease(
        received=Received(body="", receipt="receipt-1", receives=1),
        token="token",
        queue=MemoryQueue(),
        tokens=tokens,
        length=timedelta(seconds=1),
        beat=timedelta(seconds=0.05),
        on_beat=Health(alive).touch,
        on_end=lambda: None,
    )
    with lease:
        assert alive.exists()
        alive.unlink()
        deadline = time.monotonic() + 10
        while not alive.exists():
            assert time.monotonic() < deadline, "the lease beat and did not tell"
            time.sleep(0.01)
    assert len(tokens.beats) >= 2


def test_the_supervisor_has_its_leases_tell(alive: Path, shipper: LogShipper, tmp_path: Path) -> None:
    """A message that nobody waits for is dropped on its first beat: no Blender is needed."""
    config = WorkerConfig.from_environment({**FARM, "HEALTH_FILE": str(alive), "SCRATCH_DIR": str(tmp_path)})
    told: list[bool] = []

    class Queue(MemoryQueue):
        def receive(self, *, lease: timedelta, wait: timedelta) -> Received | None:
            alive.unlink(missing_ok=True)
            return super().receive(lease=lease, wait=wait)

    class Tokens(MemoryTokens):
        def beat(self, token: str) -> bool:
            told.append(alive.exists())
            super().beat(token)
            return False

    queue = Queue(MESSAGE, on_empty=lambda: signal.raise_signal(signal.SIGTERM))
    Supervisor(
        config=config,
        queue=queue,
        store=MemoryStore(),
        tokens=Tokens(),
        shipper=shipper,
        blender=Blender(scratch=tmp_path),
        folder=tmp_path,
    ).run()
    assert told == [True]


MESSAGE = (
    '{"version": 1, "task_token": "token", "job_id": "job", "chunk_id": "1-000001", "attempt": 0, "frames": "1",'
    ' "scene": {"bucket": "scenes", "key": "shot.blend", "digest": "00"},'
    ' "output": {"bucket": "frames", "prefix": "shot/00/"}, "settings": {}}'
)


def test_nobody_needs_to_ask() -> None:
    assert WorkerConfig.from_environment(FARM).health_file is None
    Health(None).touch()


def test_a_disk_that_takes_no_file_ends_no_chunk(tmp_path: Path) -> None:
    Health(tmp_path / "nowhere" / "alive").touch()


@pytest.mark.parametrize(
    ("age", "wrong"),
    [(0, None), (LONGEST_SILENCE.total_seconds(), None), (600, "the worker has been silent for 0:10:00")],
)
def test_a_worker_lives_until_it_has_been_silent_for_too_long(alive: Path, age: float, wrong: str | None) -> None:
    alive.touch()
    os.utime(alive, (NOW - age, NOW - age))
    assert health.problem(alive, now=NOW) == wrong


def test_a_silence_outlasts_polls_and_beats_that_fail() -> None:
    beat = WorkerConfig.from_environment(FARM).beat
    assert 4 * beat < LONGEST_SILENCE


def test_the_check_of_a_container_tells_a_worker_that_lives_from_one_that_does_not(alive: Path) -> None:
    gone = check(alive)
    assert (gone.returncode, gone.stderr) == (1, f"{alive} cannot be read: No such file or directory\n")
    alive.touch()
    assert check(alive).returncode == 0
    os.utime(alive, (0, 0))
    assert check(alive).returncode == 1
    assert check(None).returncode == 2
