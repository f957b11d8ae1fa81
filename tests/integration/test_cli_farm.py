"""`frameloom farm up` and the commands that use it, as processes, on the embedded AWS; no Blender takes part."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from frameloom.client.job_request import place_of
from frameloom.local.farm_state import FarmState
from tests.farm_client import farm_client

SCENE = Path(__file__).resolve().parents[2] / "examples" / "rolling_ball.blend"
# A machine that renders on all its cores is slow to start anything.
PATIENCE = 90.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep word of farms apart from that of the developer's own."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRAMELOOM_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def farm(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A farm without workers, on which jobs wait."""
    process = start("farm", "up", "--workers", "0")
    try:
        wait_for(lambda: FarmState.load() is not None or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)
    assert list(home.glob("farm.json")) == []


def start(*words: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "frameloom", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def run(*words: object) -> tuple[int, str, str]:
    process = start(*words)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def wait_for(found: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.2)


def status(*words: object) -> Any:
    code, out, err = run("status", "--json", *words)
    assert code == 0, err
    return json.loads(out)


@pytest.mark.usefixtures("home")
def test_farm_up_prints_its_addresses_and_leaves_no_process() -> None:
    process = start("farm", "up", "--workers", "0")
    wait_for(lambda: FarmState.load() is not None or process.poll() is not None)
    state = FarmState.load()
    assert state is not None
    below = psutil.Process(process.pid).children(recursive=True)
    s3 = farm_client(state.environment, "s3")
    for bucket, keys in {
        "ScenesBucketName": ["shot.mp4", "wood.png"],
        "FramesBucketName": ["shot/1.png", "2.png"],
    }.items():
        for key in keys:
            s3.put_object(Bucket=state.outputs[bucket], Key=key, Body=b"-")
    code, said, _ = run("farm", "down")
    # At once: this command too has waited until all of it was gone.
    assert not [each for each in below if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
    out, err = process.communicate(timeout=PATIENCE)
    assert (code, process.returncode, err) == (0, 0, "")
    assert "Scenes, frames and films in its buckets are lost when it ends." in out
    assert f"aws s3 sync s3://{state.outputs['FramesBucketName']}/ FOLDER" in out
    lost = "The farm is down. Lost with it: 2 frames, 1 film and 1 other file."
    assert (out.splitlines()[-1], said) == (lost, f"{lost}\n")
    assert all(f"export {name}={value}" in out for name, value in state.environment.items())
    assert f"export AWS_ENDPOINT_URL={state.endpoint}" in out
    assert f"aws s3 cp shot.blend s3://{state.outputs['ScenesBucketName']}/" in out
    assert f"--state-machine-arn {state.outputs['StateMachineArn']} --input" in out
    assert all(state.outputs[name] in out for name in ("FramesBucketName", "LogBucketName", "ChunkQueueUrl"))
    assert below


def test_a_killed_farm_is_forgotten_and_no_other_process_is_signaled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAMELOOM_HOME", str(tmp_path))
    first = start("farm", "up", "--workers", "0")
    wait_for(lambda: FarmState.load() is not None or first.poll() is not None)
    first.kill()
    first.communicate(timeout=PATIENCE)
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        for command in (("status",), ("farm", "down")):
            # The state file of the dead farm, whose process id another process has by now.
            left = {
                "pid": bystander.pid,
                "began": "1",
                "endpoint": "http://127.0.0.1:1",
                "outputs": {},
                "environment": {},
            }
            (tmp_path / "farm.json").write_text(json.dumps(left))
            code, out, err = run(*command)
            assert (code, out, err.startswith("frameloom: No local farm is running")) == (1, "", True)
            assert not (tmp_path / "farm.json").exists()
        second = start("farm", "up", "--workers", "0")
        wait_for(lambda: FarmState.load() is not None or second.poll() is not None)
        # A farm that lives, and a file that names another process.
        (tmp_path / "farm.json").write_text(json.dumps(left))
        assert run("farm", "down")[::2] == (1, "frameloom: No local farm is running.\n")
        second.terminate()
        second.communicate(timeout=PATIENCE)
        assert second.returncode == 0
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_farm_ends_with_its_emulator_and_reports_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAMELOOM_HOME", str(tmp_path))
    process = start("farm", "up", "--workers", "0")
    wait_for(lambda: FarmState.load() is not None or process.poll() is not None)
    (emulator,) = (
        part for part in psutil.Process(process.pid).children() if "frameloom.local.emulator" in part.cmdline()
    )
    emulator.kill()
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert err.endswith("frameloom: The farm ended unexpectedly. The contents of its buckets are lost.\n")
    assert run("farm", "down")[0] == 1


def test_without_a_farm_status_and_down_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAMELOOM_HOME", str(tmp_path))
    assert run("farm", "down") == (1, "", "frameloom: No local farm is running.\n")
    code, out, err = run("status")
    assert (code, out) == (1, "")
    assert err == "frameloom: No local farm is running: start one with `frameloom farm up`.\n"


def test_a_second_farm_is_refused(farm: subprocess.Popen[str]) -> None:
    state = FarmState.load()
    assert state is not None
    code, out, err = run("farm", "up")
    assert (code, out) == (1, "")
    assert err.startswith(f"frameloom: A local farm is running at {state.endpoint} (process {farm.pid})")


def test_render_on_a_running_farm_refuses_workers(farm: subprocess.Popen[str], tmp_path: Path) -> None:
    del farm
    code, _, err = run("render", SCENE, "--out", tmp_path, "--workers", "2")
    assert code == 2
    assert "--workers: a local farm is running with workers of its own" in err


def test_an_interrupted_render_cancels_its_job_and_the_farm_continues(
    farm: subprocess.Popen[str], tmp_path: Path
) -> None:
    render = start("render", SCENE, "--frames", "1-4", "--chunk-size", "2", "--out", tmp_path)
    wait_for(lambda: status()["queue"]["waiting"] == 2)
    (job,) = status("--limit", "1")["jobs"]
    assert (job["status"], job["scene"], job["frames"]) == ("running", place_of(SCENE), {"done": 0, "total": 4})
    render.send_signal(signal.SIGINT)
    out, err = render.communicate(timeout=PATIENCE)
    assert (render.returncode, out) == (130, "")
    assert err.splitlines()[-1] == f"frameloom: Job {job['job_id']} was canceled; it has no frame yet."
    details = status(job["job_id"])
    assert (details["status"], details["cause"]) == ("canceled", "Interrupted at the command line.")
    assert list(tmp_path.rglob("*")) == []
    assert farm.poll() is None
    shown = run("status")[1]
    assert job["job_id"] in shown
    assert "canceled" in shown


def test_a_job_outlasts_the_terminal_that_started_it_on_a_running_farm(
    farm: subprocess.Popen[str], tmp_path: Path
) -> None:
    before = {job["job_id"] for job in status("--limit", "100")["jobs"]}

    def started() -> list[str]:
        with suppress(BlockingIOError):
            # Read the terminal, or it fills up and blocks the command.
            os.read(terminal, 65536)
        listed = status("--limit", "100")["jobs"]
        return [job["job_id"] for job in listed if job["job_id"] not in before and "frames" in job]

    command = [sys.executable, "-m", "frameloom", "render", str(SCENE), "--frames", "1-2", "--out", str(tmp_path)]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, command)  # noqa: S606  a terminal without a shell
    os.set_blocking(terminal, False)
    wait_for(started)
    (job_id,) = started()
    # As a closed window does: the kernel sends SIGHUP, and each write to the terminal fails.
    os.close(terminal)
    _, ending = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(ending) == 130
    assert status(job_id)["status"] == "running"
    assert farm.poll() is None
    assert run("cancel", job_id)[0] == 0


def test_the_uploaded_scene_starts_no_second_job(farm: subprocess.Popen[str], tmp_path: Path) -> None:
    del farm
    before = len(status("--limit", "100")["jobs"])
    render = start("render", SCENE, "--frames", "1", "--out", tmp_path)
    wait_for(lambda: len(status("--limit", "100")["jobs"]) > before)
    state = FarmState.load()
    assert state is not None
    s3 = farm_client(state.environment, "s3")
    head = s3.head_object(Bucket=state.outputs["ScenesBucketName"], Key=place_of(SCENE))
    render.send_signal(signal.SIGTERM)
    render.communicate(timeout=PATIENCE)
    assert head["Metadata"]["frameloom-start"] == "no"


def test_status_of_an_unknown_job_is_refused(farm: subprocess.Popen[str]) -> None:
    del farm
    assert run("status", "nothing-1")[::2] == (2, "frameloom: JOB: the farm knows of no job 'nothing-1'.\n")
