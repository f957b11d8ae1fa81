"""Blender's process as the worker sees it: crashes, hangs, its environment, its restarts."""

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest

from frameloom.model.log_event import LogEvent
from frameloom.model.settings import RenderSettings
from tests.scenes import make_scene
from tests.worker_farm import WorkerFarm
from worker.blender import Blender


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (signal.SIGKILL, "OutOfMemory"),
        (signal.SIGSEGV, "RenderCrashed"),
        # A stopped process hangs.
        (signal.SIGSTOP, "RenderHung"),
    ],
)
def test_a_blender_that_dies_or_hangs_fails_the_attempt_and_not_the_worker(
    farm: WorkerFarm, scene: Path, slow_scene: Path, number: signal.Signals, error: str
) -> None:
    pids: list[int] = []

    def strike() -> None:
        farm.wait_for(LogEvent.FRAME_STARTED)
        time.sleep(0.3)
        assert farm.supervisor is not None
        assert farm.supervisor.blender_pid is not None
        pids.append(farm.supervisor.blender_pid)
        os.kill(pids[0], number)
        if number is signal.SIGSTOP:
            # Not from the start: on a busy machine it takes longer to open the scene.
            farm.supervisor._blender.silence_timeout = timedelta(seconds=1)

    farm.work(farm.message(slow_scene, "1", token="struck"), farm.message(scene, "1", token="next"), beside=strike)
    assert farm.answers.failed["struck"][0] == error
    assert not Path(f"/proc/{pids[0]}").exists()
    assert list(farm.answers.succeeded) == ["next"]
    assert farm.queue.leased == {}


def test_blender_gets_no_credentials_and_no_variable_of_the_farm(
    farm: WorkerFarm, slow_scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    seen: list[str] = []

    def read_environment() -> None:
        farm.wait_for(LogEvent.FRAME_STARTED)
        assert farm.supervisor is not None
        seen.append(Path(f"/proc/{farm.supervisor.blender_pid}/environ").read_text())
        os.kill(os.getpid(), signal.SIGTERM)

    farm.work(farm.message(slow_scene, "1"), beside=read_environment)
    assert "HOME=" in seen[0]
    assert "AWS_" not in seen[0]
    assert "QUEUE" not in seen[0]


def test_a_scene_that_is_open_stays_open_and_another_scene_gets_a_new_process(
    blender: Blender, scene: Path, tmp_path: Path
) -> None:
    blender.open(scene, RenderSettings(), name="shot.blend")
    pid = blender.pid
    blender.render(1, tmp_path / "1.png")
    blender.open(scene, RenderSettings(), name="shot.blend")
    assert blender.pid == pid
    blender.open(make_scene(tmp_path / "other.blend", samples=2), RenderSettings(), name="other.blend")
    assert blender.pid != pid
