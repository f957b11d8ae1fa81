"""The sandbox of Blender's process, and the protection of the worker if the kernel refuses the sandbox."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from frameloom.model.log_event import LogEvent
from frameloom.model.settings import RenderSettings
from tests.conformance.toolbox import ROOT
from tests.scenes import make_scene
from tests.worker_farm import WorkerFarm, render_scene
from worker.blender import Blender

# A script writes into a file how far it can reach.
LOOK_AROUND = """
import os, socket
said = []
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=5)
    said.append("connected")
except OSError as error:
    said.append(f"network: {{error.errno}}")
for what in ("environ", "mem", "ns/net"):
    try:
        open(f"/proc/{{os.getppid()}}/{{what}}", "rb").close()
        said.append(f"read {{what}}")
    except OSError:
        pass
open({path!r}, "w").write(", ".join(said))
"""


def _look_around(blender: Blender, tmp_path: Path, port: int) -> tuple[str | None, str]:
    said = tmp_path / "said"
    scene = make_scene(tmp_path / "shot.blend", script=LOOK_AROUND.format(path=str(said), port=port))
    return render_scene(blender, scene, RenderSettings(trust_scripts=True)), said.read_text()


def test_a_scene_reaches_neither_the_network_nor_the_memory_of_its_worker(blender: Blender, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        network, said = _look_around(blender, tmp_path, server.getsockname()[1])
    if network is not None:
        pytest.skip(f"the kernel refuses network namespaces: {network}")
    # ENETUNREACH: there is no route, so no listener refused the connection.
    assert said == "network: 101"


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A kernel that refuses the sandbox, as in most containers."""
    words = "from worker.blender_process import sandbox\nsandbox.enter_sandbox = lambda: 'Operation not permitted'\n"
    (tmp_path / "sitecustomize.py").write_text(words)
    monkeypatch.setattr("worker.blender_versions._PASSED", ("PATH", "PYTHONPATH"))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")


@pytest.mark.usefixtures("refusing")
def test_without_a_sandbox_the_scene_renders_and_the_log_has_one_warning(scene: Path, tmp_path: Path) -> None:
    farm = WorkerFarm(tmp_path)
    farm.work(farm.message(scene, "1", token="a"), farm.message(scene, "2", token="b"))
    assert sorted(farm.answers.succeeded) == ["a", "b"]
    said = [record for record in farm.records if record.get("event") == LogEvent.SANDBOX_REFUSED]
    assert [record["facts"] for record in said] == [{"problem": "Operation not permitted"}]


LOOK_AT_PARENT = """
import os
try:
    open(f"/proc/{os.getppid()}/environ", "rb").read()
    print("read")
except OSError:
    print("unread")
"""


SANDBOXED = """
import os, time
from worker.blender_process.sandbox import enter_sandbox
begun = time.process_time()
refused = enter_sandbox()
quick = time.process_time() - begun < 0.02
open("own", "w").write("mine")
print(refused or "sandboxed", os.getuid(), os.getgid(), quick)
"""


SUPERVISOR = """
import subprocess, sys
from worker.credential_guard import make_undumpable
{first}
subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
"""


@pytest.fixture
def other_user() -> Iterator[Callable[[str, str], list[str]]]:
    """Return a function that runs code in a child of a supervisor, both as one unprivileged user, as in the image."""
    if os.geteuid() != 0 or not Path("/usr/bin/python3").exists():
        pytest.skip("only root can become another user, who needs a Python to start")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        shutil.copytree(ROOT / "worker", Path(folder, "worker"))
        Path(folder).chmod(0o777)

        def run(code: str, first: str) -> list[str]:
            done = subprocess.run(
                ["/usr/bin/python3", "-c", SUPERVISOR.format(first=first), code],
                cwd=folder,
                user=10001,
                group=10001,
                extra_groups=[],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            written = Path(folder, "own")
            assert not written.exists() or written.stat().st_uid == 10001
            return done.stdout.split()

        yield run


def test_an_unprivileged_user_enters_the_sandbox_in_milliseconds_and_keeps_its_files(
    other_user: Callable[[str, str], list[str]],
) -> None:
    refused, *found = other_user(SANDBOXED + LOOK_AT_PARENT, "")
    if refused != "sandboxed":
        pytest.skip("the kernel refuses network namespaces")
    assert found == ["10001", "10001", "True", "unread"]


def test_a_child_without_a_sandbox_cannot_read_its_supervisor(
    other_user: Callable[[str, str], list[str]],
) -> None:
    assert other_user(LOOK_AT_PARENT, "") == ["read"]
    assert other_user(LOOK_AT_PARENT, "make_undumpable()") == ["unread"]


@pytest.mark.skipif(sys.platform != "linux", reason="as Linux has it")
def test_a_worker_makes_itself_undumpable_first() -> None:
    """The worker exits, since its environment is empty, and is undumpable by then: PR_GET_DUMPABLE is 0."""
    code = "import ctypes, worker.__main__ as worker; print(worker.main(), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "0"]


def test_a_child_in_the_sandbox_dies_with_its_supervisor(tmp_path: Path, scene: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom frameloom.model.settings import RenderSettings\n"
        "from worker.blender import Blender\n"
        f"blender = Blender(scratch=Path({str(tmp_path)!r}))\n"
        f"blender.open(Path({str(scene)!r}), RenderSettings(), name='calm')\n"
        "print(blender.pid, flush=True)\ntime.sleep(60)\n"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    with supervisor, supervisor.stdout as words:
        pid = int(words.readline())
        supervisor.kill()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if "State:\tZ" not in Path(f"/proc/{pid}/status").read_text():
                time.sleep(0.01)
                continue
        return
    pytest.fail("the child outlived its supervisor")
