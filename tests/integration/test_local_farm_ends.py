"""A local farm that ends, fails or is killed leaves no process and no file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from frameloom.local.local_farm import LocalFarm
from frameloom.model.errors import FarmUnavailable
from tests.small_farm import MINI_FARM, client, gone, wait_until, worker_report


def test_a_closed_farm_leaves_no_process_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mine = psutil.Process()
    before = {child.pid for child in mine.children(recursive=True)}
    with LocalFarm(workers=1, root=MINI_FARM) as farm:
        worker = worker_report(farm, 1)
        functions = client(farm, "lambda")
        runtime = json.loads(functions.invoke(FunctionName=farm.outputs["EchoFunctionName"])["Payload"].read())
        started = {child.pid for child in mine.children(recursive=True)} - before
        assert {worker["pid"], worker["child"]} <= started
        assert list(tmp_path.iterdir()) == [farm.work_dir]
        # The process from which functions are forked does not notice the end, as on a busy machine.
        forkserver = psutil.Process(runtime["process"]).parent()
        assert forkserver is not None
        forkserver.suspend()
    # At once: a closed farm has ended all its processes.
    assert [pid for pid in started | {runtime["process"]} if not gone(pid)] == []
    assert list(tmp_path.iterdir()) == []
    farm.close()  # A second call does nothing.


def test_a_worker_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    with LocalFarm(root=MINI_FARM, work_dir=tmp_path, worker_env={"STUBBORN": "1"}) as farm:
        worker = worker_report(farm, 1)
    wait_until(lambda: gone(worker["pid"]) and gone(worker["child"]), "both are killed", seconds=1)


def test_workers_that_fail_at_their_start_do_not_stop_the_farm(tmp_path: Path) -> None:
    logged: list[str] = []
    with LocalFarm(root=MINI_FARM, work_dir=tmp_path, worker_command=("false",), log=logged.append):
        wait_until(lambda: len(logged) >= 2, "it is restarted")
    assert "Worker 1 ended with code 1" in logged[0]
    assert str(tmp_path / "worker-1.log") in logged[0]


def test_the_functions_of_a_state_machine_start_before_they_are_called(tmp_path: Path) -> None:
    (tmp_path / "functions.log").touch()
    with LocalFarm(workers=0, root=MINI_FARM, work_dir=tmp_path):
        wait_until(lambda: "echo is imported" in (tmp_path / "functions.log").read_text(), "it is started")


def test_a_template_can_have_resources_of_stubbed_services(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(
        "Resources: {Stream: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 1}}}\n"
        "Outputs: {Name: {Value: !Ref Stream}}"
    )
    with LocalFarm(workers=0, root=tmp_path, work_dir=tmp_path) as farm:
        assert client(farm, "kinesis").list_streams()["StreamNames"] == [farm.outputs["Name"]]


def test_the_error_of_a_missing_worker_program_has_its_name(tmp_path: Path) -> None:
    with (
        pytest.raises(FarmUnavailable, match=r"The workers did not start\. .*No such file.*no-such-program"),
        LocalFarm(root=MINI_FARM, work_dir=tmp_path, worker_command=("no-such-program",)),
    ):
        pass


def test_the_end_of_the_emulator_is_logged(tmp_path: Path) -> None:
    logged: list[str] = []
    with LocalFarm(workers=0, root=MINI_FARM, work_dir=tmp_path, log=logged.append) as farm:
        assert logged == []
        port = int(farm.endpoint.rpartition(":")[2])
        (emulator,) = [
            child
            for child in psutil.Process().children(recursive=True)
            if any(found.laddr and found.laddr[1] == port for found in child.net_connections())
        ]
        emulator.kill()
        wait_until(lambda: logged, "the farm notices")
    assert logged[0].startswith("The emulator has ended, and so has the farm.")


def test_the_error_of_an_emulator_that_cannot_start_has_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "moto").mkdir()
    (tmp_path / "moto" / "__init__.py").write_text("raise RuntimeError('not today')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with (
        pytest.raises(FarmUnavailable, match=r"The emulator did not start\. .*RuntimeError: not today"),
        LocalFarm(workers=0, root=MINI_FARM, work_dir=tmp_path / "work"),
    ):
        pass


def test_the_error_of_a_refused_template_has_the_reason_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "template.yaml").write_text(
        "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {RedrivePolicy: {deadLetterTargetArn: nowhere}}}}"
    )
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with (
        pytest.raises(FarmUnavailable, match=r"The stack could not be created.*maxReceiveCount"),
        LocalFarm(root=tmp_path),
    ):
        pass
    # No new process; an idle worker of another farm may have ended its Blender meanwhile.
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_folder_without_a_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FarmUnavailable, match=r"template\.yaml cannot be read"), LocalFarm(root=tmp_path):
        pass


def test_a_killed_farm_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    program = f"""
import json, sys, time
from pathlib import Path
from frameloom.local.local_farm import LocalFarm
with LocalFarm(root=Path({str(MINI_FARM)!r})) as farm:
    print(json.dumps([str(farm.work_dir), farm.workers]), flush=True)
    time.sleep(600)
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment, start_new_session=True
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        started = {child.pid for child in psutil.Process(process.pid).children(recursive=True)}
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    work_dir, workers = json.loads(line)
    assert set(workers) <= started
    wait_until(lambda: all(map(gone, started)), "every process ends")
    wait_until(lambda: not Path(work_dir).exists(), "its folder is removed")
