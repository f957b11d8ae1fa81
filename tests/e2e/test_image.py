"""The built worker image renders as an unprivileged user on a read-only root file system.

It needs a container engine. FRAMELOOM_TEST_BASE_IMAGE names the image to build on where the Dockerfile's own base
cannot be fetched.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from frameloom.local.local_farm import WORKER_VARIABLES, LocalFarm
from frameloom.model.job_status import JobStatus
from frameloom.model.log_event import LogEvent
from tests.e2e.rig import Rig, wait
from tests.scenes import make_scene
from tools import image

DOCKER = shutil.which("docker")
ROOT = Path(__file__).parents[2]
# As in Kubernetes, in seconds; the worker takes a moment of it.
GRACE = 90
CONFINED = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
SCRATCH = ["--tmpfs", "/scratch:rw,noexec,nosuid,nodev,uid=10001,gid=10001,mode=0700,size=1g"]


def docker(*words: str) -> str:
    """Run a command of the container engine; return its output."""
    ended = subprocess.run([str(DOCKER), *words], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def engine_answers() -> bool:
    return DOCKER is not None and subprocess.run([DOCKER, "info"], capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.skipif(not engine_answers(), reason="no container engine answers here"),
    # Blender is 370 MB to fetch where no layer is there yet.
    pytest.mark.timeout(1500),
]


BLENDERS = sorted(image.blenders().values())
each_blender = pytest.mark.parametrize("blender", BLENDERS)


@pytest.fixture(scope="module")
def built() -> str:
    """The name of the image with all Blenders, once it is built."""
    base = os.environ.get("FRAMELOOM_TEST_BASE_IMAGE")
    command = [sys.executable, "-m", "tools.image", *BLENDERS, "--network", "host"]
    command += ["--base", base] if base else []
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-4000:]
    return ended.stdout.strip()


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A farm whose workers are to come from elsewhere."""
    calls = tmp_path_factory.mktemp("rig") / "calls"
    with LocalFarm(workers=0, parameters={"BlenderVersions": " ".join(BLENDERS)}, record=calls) as farm:
        yield Rig(farm, calls)


@contextmanager
def worker(built: str, rig: Rig) -> Iterator[str]:
    """A confined worker of the farm; its container's name."""
    name = f"frameloom-test-{uuid4().hex[:8]}"
    told = {name: rig.farm.outputs[output] for name, output in WORKER_VARIABLES.items()}
    environment = rig.farm.environment | told | {"WORKER_NAME": name, "LEASE_SECONDS": "8"}
    variables = [word for pair in environment.items() for word in ("--env", "=".join(pair))]
    docker("run", "--detach", "--name", name, "--network", "host", *CONFINED, *SCRATCH, *variables, built)
    try:
        yield name
    finally:
        docker("rm", "--force", name)


def logs(name: str) -> str:
    """Return the standard error of a container, where a worker logs."""
    return subprocess.run([str(DOCKER), "logs", name], capture_output=True, text=True, check=False).stderr


def inspect(name: str) -> dict[str, Any]:
    (found,) = json.loads(docker("inspect", name))
    return dict(found)


def run(built: str, *command: str) -> str:
    """Run a command in a container of the image, in place of the worker."""
    return docker(
        "run", "--rm", "--network", "none", *CONFINED, *SCRATCH, "--entrypoint", command[0], built, *command[1:]
    )


def stop(name: str) -> float:
    """Stop a container as a node that goes does; return how many seconds that took."""
    begun = time.monotonic()
    docker("stop", "--time", str(GRACE), name)
    return time.monotonic() - begun


def test_it_renders_a_frame_for_the_farm_tells_that_it_lives_and_goes_when_told(
    built: str, rig: Rig, tmp_path: Path
) -> None:
    rig.upload_quietly(make_scene(tmp_path / "tiny.blend"), "tiny.blend")
    with worker(built, rig) as name:
        for blender in BLENDERS:
            ended = rig.run(file="tiny.blend", frames="3", output="frames", blender=blender)
            assert ended.status is JobStatus.SUCCEEDED, (ended.cause, logs(name))
        assert rig.frames("tiny") == [3] * len(BLENDERS)
        assert docker("exec", name, "id", "-u") == "10001"
        kind, *check = inspect(name)["Config"]["Healthcheck"]["Test"]
        assert kind == "CMD"
        docker("exec", name, "test", "-f", "/scratch/alive")
        docker("exec", name, *check)
        assert stop(name) < 20
        state = inspect(name)["State"]
        assert (state["ExitCode"], state["OOMKilled"]) == (0, False)


@each_blender
def test_it_renders_without_a_display_what_wants_one(built: str, rig: Rig, tmp_path: Path, blender: str) -> None:
    """Workbench and EEVEE end the whole process where they find no EGL; Workbench compiles fewer shaders."""
    rig.upload_quietly(make_scene(tmp_path / "quick.blend"), "quick.blend")
    with worker(built, rig) as name:
        ended = rig.run(file="quick.blend", frames="1", output="frames", engine="WORKBENCH", blender=blender)
        assert ended.status is JobStatus.SUCCEEDED, (ended.cause, logs(name))


def test_it_gives_a_chunk_back_in_mid_frame_well_within_the_grace(built: str, rig: Rig, tmp_path: Path) -> None:
    rig.upload_quietly(make_scene(tmp_path / "slow.blend", size=(1920, 1080), samples=4096), "slow.blend")
    job_id = rig.start(file="slow.blend", frames="1", output="frames")
    with worker(built, rig) as name:
        rig.wait_for_log(job_id, LogEvent.FRAME_STARTED)
        assert stop(name) < 20
        assert inspect(name)["State"]["ExitCode"] == 0
        given_up = rig.wait_for_log(job_id, LogEvent.CHUNK_RELEASED)
        assert given_up["facts"]["reason"] == "the worker is going"
    received = wait(lambda: rig.sqs.receive_message(QueueUrl=rig.stack.chunk_queue).get("Messages"), "the chunk")
    assert job_id in received[0]["Body"]
    rig.jobs.stop(job_id, reason="the test is over")


@pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="this machine has a card of NVIDIA's")
@pytest.mark.parametrize("device", ["CUDA", "OPTIX"])
@each_blender
def test_each_of_its_blenders_knows_that_there_is_no_card(built: str, device: str, blender: str) -> None:
    script = f"""
import os, sys
from frameloom.model.errors import DeviceMissing
from frameloom.model.settings import RenderSettings
from worker.blender_process.scene_setup import set_up
try:
    set_up(RenderSettings(engine="CYCLES", device="{device}"), file="shot.blend")
except DeviceMissing as error:
    print(error)
sys.stdout.flush()
os._exit(0)
"""
    # Blender 5.0 first prints a warning about a missing driver.
    *_, last = run(built, "env", f"PYTHONPATH=/blenders/{blender}", "python3.11", "-c", script).splitlines()
    assert last == f"The job needs the device {device}, which this worker does not have."


def test_it_holds_no_credentials_and_says_what_it_is(built: str) -> None:
    config = inspect(built)["Config"]
    everything = json.dumps(config) + docker("history", "--no-trunc", built)
    for secret in ("AWS_", "SECRET", "PASSWORD", "TOKEN"):
        assert secret not in everything.upper()
    assert config["User"] == "10001:10001"
    labels = config["Labels"]
    assert labels["io.frameloom.blenders"] == " ".join(BLENDERS)
    assert labels["org.opencontainers.image.version"]
    assert labels["org.opencontainers.image.licenses"] == "GPL-3.0-or-later"


def test_everything_in_it_can_be_read_by_its_user_and_starts_from_bytecode(built: str) -> None:
    assert run(built, "find", "/app", "/usr/local/lib/python3.11", "!", "-readable") == ""
    sources = run(built, "find", "/app", "-name", "*.py").splitlines()
    compiled = run(built, "find", "/app", "-name", "*.pyc").splitlines()
    assert len(sources) == len(compiled) > 20


def test_it_can_be_written_nowhere_but_in_the_scratch_folder(built: str) -> None:
    # `find` cannot enter some folders; the user cannot write there either.
    assert run(built, "sh", "-c", "find / -xdev -writable ! -type l 2>/dev/null; true") == "/scratch"


def test_what_installed_it_stayed_behind(built: str) -> None:
    script = "import importlib.util as u, os; print(u.find_spec('pip'), *sorted(os.listdir('/blenders')))"
    assert run(built, "python3.11", "-c", script) == f"None {' '.join(BLENDERS)}"
    left = run(built, "sh", "-c", "find /packages /tmp /root /var/lib/apt/lists /var/cache -type f 2>/dev/null; true")
    assert left == ""
