"""The health file that a worker touches, and its check."""

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
    """Run the check as a container does."""
    environment = {"PATH": os.environ["PATH"]} | ({} if path is None else {"HEALTH_FILE": str(path)})
    return subprocess.run(
        [sys.executable, "-m", "worker.health"],
        cwd=Path(health.__file__).parents[1],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_file_is_touched_at_every_poll(alive: Path, shipper: LogShipper, tmp_path: Path) -> None:
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
def test_the_file_is_touched_at_every_heartbeat_of_a_lease(
    alive: Path,
    dead: bool,  # noqa: FBT001
) -> None:
    """Also while the network is down: the check is about the worker alone."""

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
        interval=timedelta(seconds=0.05),
        on_heartbeat=Health(alive).touch,
        on_release=lambda: None,
    )
    with lease:
        assert alive.exists()
        alive.unlink()
        deadline = time.monotonic() + 10
        while not alive.exists():
            assert time.monotonic() < deadline, "the lease sent a heartbeat and did not touch the file"
            time.sleep(0.01)
    assert len(tokens.beats) >= 2


def test_the_supervisors_leases_touch_the_file(alive: Path, shipper: LogShipper, tmp_path: Path) -> None:
    """The message of a dead job is dropped after its first heartbeat, so no Blender is needed."""
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


def test_without_a_health_file_nothing_is_touched() -> None:
    assert WorkerConfig.from_environment(FARM).health_file is None
    Health(None).touch()


def test_a_full_disk_does_not_raise(tmp_path: Path) -> None:
    Health(tmp_path / "nowhere" / "alive").touch()


@pytest.mark.parametrize(
    ("age", "wrong"),
    [(0, None), (LONGEST_SILENCE.total_seconds(), None), (600, "the worker has been silent for 0:10:00")],
)
def test_a_worker_is_alive_until_the_longest_silence(alive: Path, age: float, wrong: str | None) -> None:
    alive.touch()
    os.utime(alive, (NOW - age, NOW - age))
    assert health.problem(alive, now=NOW) == wrong


def test_the_longest_silence_exceeds_four_heartbeats() -> None:
    beat = WorkerConfig.from_environment(FARM).heartbeat_interval
    assert 4 * beat < LONGEST_SILENCE


def test_the_exit_code_of_the_check_is_0_only_while_the_worker_is_alive(alive: Path) -> None:
    gone = check(alive)
    assert (gone.returncode, gone.stderr) == (1, f"{alive} cannot be read: No such file or directory\n")
    alive.touch()
    assert check(alive).returncode == 0
    os.utime(alive, (0, 0))
    assert check(alive).returncode == 1
    assert check(None).returncode == 2
