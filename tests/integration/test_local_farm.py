"""The farm on one machine: it starts as the template says, keeps its workers, and leaves nothing behind."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from frameloom.local.farm_state import FarmState, held, is_held, started
from frameloom.local.local_farm import LocalFarm
from frameloom.local.user_folder import cache_folder
from frameloom.model.errors import FarmUnavailable
from tests.farm_client import farm_client

MINI_FARM = Path(__file__).parent / "fixtures" / "mini_farm"


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRAMELOOM_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def heard() -> list[str]:
    return []


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory, heard: list[str], home: Path) -> Iterator[LocalFarm]:
    del home
    work_dir = tmp_path_factory.mktemp("farm")
    with LocalFarm(workers=2, root=MINI_FARM, work_dir=work_dir, worker_env={"EXTRA": "1"}, log=heard.append) as farm:
        yield farm


def client(farm: LocalFarm, service: str) -> Any:
    return farm_client(farm.environment, service)


def worker_report(farm: LocalFarm, number: int) -> dict[str, Any]:
    """Return what a worker of the small farm has written about itself."""
    file = farm.work_dir / "tmp" / f"worker-{number}.json"
    wait_until(file.exists, f"worker {number} reports")
    report: dict[str, Any] = json.loads(file.read_text())
    return report


def test_what_the_template_names_is_there(farm: LocalFarm) -> None:
    s3, sqs = client(farm, "s3"), client(farm, "sqs")
    buckets = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    assert buckets == {farm.outputs["ScenesBucketName"], farm.outputs["LogBucketName"]}
    assert s3.get_bucket_versioning(Bucket=farm.outputs["ScenesBucketName"])["Status"] == "Enabled"
    assert len(sqs.list_queues()["QueueUrls"]) == 3
    machines = client(farm, "stepfunctions").list_state_machines()["stateMachines"]
    assert [machine["stateMachineArn"] for machine in machines] == [farm.outputs["StateMachineArn"]]


def test_it_listens_to_this_machine_alone(farm: LocalFarm) -> None:
    port = int(farm.endpoint.rpartition(":")[2])
    listening = [tuple(found.laddr) for found in psutil.net_connections("tcp") if found.status == psutil.CONN_LISTEN]
    assert [address for address in listening if address[1] == port] == [("127.0.0.1", port)]


def test_workers_are_told_where_the_farm_is_and_nothing_of_another_aws(farm: LocalFarm) -> None:
    report = worker_report(farm, 1)
    environment = report["environment"]
    assert report["pid"] in farm.workers
    assert environment["CHUNK_QUEUE_URL"] == farm.outputs["ChunkQueueUrl"]
    assert environment["LOG_QUEUE_URL"] == farm.outputs["LogQueueUrl"]
    assert environment["LOG_BUCKET"] == farm.outputs["LogBucketName"]
    assert environment["EXTRA"] == "1"
    ours = {name: value for name, value in environment.items() if name.startswith("AWS_")}
    # In a name of their own: what workers do can be told from what a client does.
    expected = farm.environment | {"AWS_ACCESS_KEY_ID": "worker"}
    assert ours == {name: value for name, value in expected.items() if name.startswith("AWS_")}


def test_a_worker_that_dies_takes_its_blender_along_and_is_started_anew(farm: LocalFarm, heard: list[str]) -> None:
    report = worker_report(farm, 2)
    os.kill(report["pid"], signal.SIGKILL)
    wait_until(lambda: report["pid"] not in farm.workers and len(farm.workers) == 2, "another takes its place")
    wait_until(lambda: gone(report["child"]), "its child ends")
    assert any("Worker 2 ended with code -9" in sentence for sentence in heard)


def test_an_upload_of_a_scene_starts_one_execution_with_the_event_that_s3_sends(farm: LocalFarm) -> None:
    s3, bucket = client(farm, "s3"), farm.outputs["ScenesBucketName"]
    s3.put_object(Bucket=bucket, Key="no scene.txt", Body=b"-")
    put = s3.put_object(Bucket=bucket, Key="röll ing.blend", Body=b"scene", Metadata={"frames": "1-3"})
    (output,) = outputs_of_executions(farm, "röll ing.blend")
    event = output["input"]
    assert output["greeting"] == "hello, from the layer"
    assert {name: event[name] for name in ("version", "detail-type", "source", "account", "region")} == {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "region": "us-east-1",
    }
    assert event["resources"] == [f"arn:aws:s3:::{bucket}"]
    assert time.strptime(event["time"], "%Y-%m-%dT%H:%M:%SZ")
    detail = event["detail"]
    assert detail["bucket"] == {"name": bucket}
    assert detail["reason"] == "PutObject"
    stored = detail["object"]
    assert (stored["key"], stored["size"], stored["version-id"]) == ("röll ing.blend", 5, put["VersionId"])
    assert stored["etag"] == put["ETag"].strip('"')
    assert {"version", "request-id", "requester", "source-ip-address"} < detail.keys()


def test_a_large_upload_and_a_copy_start_one_execution_each(farm: LocalFarm) -> None:
    s3, bucket = client(farm, "s3"), farm.outputs["ScenesBucketName"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="large.blend")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="large.blend", UploadId=upload, PartNumber=1, Body=b"x" * 100)
    s3.complete_multipart_upload(
        Bucket=bucket,
        Key="large.blend",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    s3.copy_object(Bucket=bucket, Key="copy.blend", CopySource={"Bucket": bucket, "Key": "large.blend"})
    large, copy = outputs_of_executions(farm, "large.blend"), outputs_of_executions(farm, "copy.blend")
    assert [output["input"]["detail"]["reason"] for output in large] == ["CompleteMultipartUpload"]
    assert [output["input"]["detail"]["reason"] for output in copy] == ["CopyObject"]


def test_a_failed_task_carries_the_name_of_what_its_function_raised(farm: LocalFarm) -> None:
    functions = client(farm, "lambda")
    answer = functions.invoke(FunctionName=farm.outputs["EchoFunctionName"], Payload=json.dumps({"fail": "gone"}))
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == "SceneNotFound"


def test_messages_reach_their_function_in_batches_and_what_failed_comes_again(farm: LocalFarm) -> None:
    sqs, url = client(farm, "sqs"), farm.outputs["LogQueueUrl"]
    bodies = ["fail once", *(f"line {number}" for number in range(11))]
    for body in bodies:
        sqs.send_message(QueueUrl=url, MessageBody=body)
    wait_until(lambda: len(records(farm, "logs/")) == len(bodies) + 1, "every message arrives, one of them twice")
    batches = batches_of(farm, "logs/")
    assert len(batches) < len(bodies), "a batch is more than one message"
    again = [record for record in records(farm, "logs/") if record["body"] == "fail once"]
    assert sorted(record["attributes"]["ApproximateReceiveCount"] for record in again) == ["1", "2"]
    left = {"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"}
    wait_until(lambda: set(attributes(sqs, url, left).values()) == {"0"}, "what has been dealt with is off the queue")


def test_a_message_nobody_finishes_reaches_the_function_of_the_dead_letter_queue(farm: LocalFarm) -> None:
    sqs, url = client(farm, "sqs"), farm.outputs["ChunkQueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="lose me")
    received = [sqs.receive_message(QueueUrl=url, WaitTimeSeconds=3).get("Messages", []) for _ in range(3)]
    assert [len(messages) for messages in received] == [1, 1, 0]
    wait_until(lambda: records(farm, "lost/"), "the function is called")
    assert [record["body"] for record in records(farm, "lost/")] == ["lose me"]


def test_it_closes_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
        # The process that functions are forked from is slow to notice anything, as it is on a busy machine.
        forkserver = psutil.Process(runtime["process"]).parent()
        assert forkserver is not None
        forkserver.suspend()
    # At once: what has said that it is closed has nothing left to end.
    assert [pid for pid in started | {runtime["process"]} if not gone(pid)] == []
    assert list(tmp_path.iterdir()) == []
    farm.close()  # A second time does no harm.


def test_a_worker_that_does_not_go_is_killed(tmp_path: Path) -> None:
    with LocalFarm(root=MINI_FARM, work_dir=tmp_path, worker_env={"STUBBORN": "1"}) as farm:
        worker = worker_report(farm, 1)
    wait_until(lambda: gone(worker["pid"]) and gone(worker["child"]), "both are killed", seconds=1)


def test_workers_that_cannot_start_do_not_hold_the_farm_up(tmp_path: Path) -> None:
    heard: list[str] = []
    with LocalFarm(root=MINI_FARM, work_dir=tmp_path, worker_command=("false",), log=heard.append):
        wait_until(lambda: len(heard) >= 2, "it is tried again")
    assert "Worker 1 ended with code 1" in heard[0]
    assert str(tmp_path / "worker-1.log") in heard[0]


def test_the_functions_of_a_machine_have_a_process_before_they_are_called(tmp_path: Path) -> None:
    (tmp_path / "functions.log").touch()
    with LocalFarm(workers=0, root=MINI_FARM, work_dir=tmp_path):
        wait_until(lambda: "echo is imported" in (tmp_path / "functions.log").read_text(), "it is started")


def test_a_resource_of_a_service_that_no_farm_needed_so_far_is_there_too(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(
        "Resources: {Stream: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 1}}}\n"
        "Outputs: {Name: {Value: !Ref Stream}}"
    )
    with LocalFarm(workers=0, root=tmp_path, work_dir=tmp_path) as farm:
        assert client(farm, "kinesis").list_streams()["StreamNames"] == [farm.outputs["Name"]]


def test_a_worker_that_is_no_program_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(FarmUnavailable, match=r"The workers did not start\. .*No such file.*no-such-program"),
        LocalFarm(root=MINI_FARM, work_dir=tmp_path, worker_command=("no-such-program",)),
    ):
        pass


def test_an_emulator_that_dies_is_told(tmp_path: Path) -> None:
    heard: list[str] = []
    with LocalFarm(workers=0, root=MINI_FARM, work_dir=tmp_path, log=heard.append) as farm:
        assert heard == []
        port = int(farm.endpoint.rpartition(":")[2])
        (emulator,) = [
            child
            for child in psutil.Process().children(recursive=True)
            if any(found.laddr and found.laddr[1] == port for found in child.net_connections())
        ]
        emulator.kill()
        wait_until(lambda: heard, "the farm notices")
    assert heard[0].startswith("The emulator has ended, and the farm with it.")


def test_an_emulator_that_cannot_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "moto").mkdir()
    (tmp_path / "moto" / "__init__.py").write_text("raise RuntimeError('not today')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with (
        pytest.raises(FarmUnavailable, match=r"The emulator did not start\. .*RuntimeError: not today"),
        LocalFarm(workers=0, root=MINI_FARM, work_dir=tmp_path / "work"),
    ):
        pass


def test_a_template_that_cannot_be_deployed_is_told_and_leaves_nothing(
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
    # Nothing new; another farm's idle worker may have let go of its Blender meanwhile.
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_folder_without_a_template_is_no_farm(tmp_path: Path) -> None:
    with pytest.raises(FarmUnavailable, match=r"template\.yaml cannot be read"), LocalFarm(root=tmp_path):
        pass


def test_a_farm_that_is_killed_takes_everything_along(tmp_path: Path) -> None:
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
    wait_until(lambda: not Path(work_dir).exists(), "its folder goes")


def test_a_running_farm_is_found_until_it_is_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FRAMELOOM_HOME", str(tmp_path / "home"))
    assert FarmState.load() is None
    mine = FarmState(endpoint="http://x", outputs={"A": "b"}, environment={"C": "d"})
    with held():
        assert FarmState.load() is None, "it is not up yet"
        mine.save()
        assert FarmState.load() == mine
        with pytest.raises(FarmUnavailable, match="is starting or ending"), held():
            pass
        assert FarmState.load() == mine, "whoever was refused has left it alone"
        (tmp_path / "home" / "farm.json").write_text("{")
        assert FarmState.load() is None
        mine.save()
        assert is_held()
    assert FarmState.load() is None
    assert not is_held()


def test_what_a_farm_that_was_killed_has_left_leads_nobody_to_another_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FRAMELOOM_HOME", str(tmp_path))
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        stale = FarmState(pid=bystander.pid, began=started(bystander.pid), endpoint="x", outputs={}, environment={})
        with held():
            pass
        stale.save()
        assert FarmState.load() is None, "nobody holds the lock"
        assert not (tmp_path / "farm.json").exists(), "and what was left is gone"
        with held():
            replace(stale, began="before").save()
            found = FarmState.load()
            assert found is None, "the lock is another's, and the process began at another time"
            replace(stale, began="before").send(signal.SIGKILL)
            with pytest.raises(subprocess.TimeoutExpired):
                bystander.wait(0.3)
    finally:
        bystander.kill()
        bystander.wait()


def test_a_farm_keeps_what_it_leaves_for_others_from_other_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o777)
    monkeypatch.setenv("FRAMELOOM_HOME", str(home))
    with held(), LocalFarm(workers=0, root=MINI_FARM, work_dir=tmp_path / "work") as farm:
        FarmState(endpoint=farm.endpoint, outputs=farm.outputs, environment=farm.environment).save()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home, home / "cache", farm.work_dir)}
        assert modes == {"home": 0o700, "cache": 0o700, "work": 0o700}
        assert stat.S_IMODE((home / "farm.json").stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what is another user's")
@pytest.mark.parametrize("planted", ["folder", "link"])
def test_a_home_that_another_user_has_planted_is_refused_and_nothing_in_it_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, planted: str
) -> None:
    home, mine = tmp_path / "home", tmp_path / "mine"
    mine.mkdir()
    monkeypatch.setenv("FRAMELOOM_HOME", str(mine))
    with held():
        FarmState(endpoint="http://x", outputs={}, environment={}).save()
        if planted == "folder":
            shutil.copytree(mine, home)
        else:
            home.symlink_to(mine)
        os.chown(home, 12345, 12345, follow_symlinks=False)
        monkeypatch.setenv("FRAMELOOM_HOME", str(home))
        assert FarmState.load() is None
        with pytest.raises(FarmUnavailable, match=f"{home} belongs to another user"), held():
            pass
        assert cache_folder() is None


@pytest.mark.parametrize("planted", ["link", "pipe"])
def test_a_lock_that_another_user_has_planted_is_refused_and_leads_nowhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, planted: str
) -> None:
    """A folder that everybody could write becomes private with what is in it by then."""
    monkeypatch.setenv("FRAMELOOM_HOME", str(tmp_path))
    if planted == "link":
        (tmp_path / "farm.lock").symlink_to(tmp_path / "file of the user's")
    else:
        os.mkfifo(tmp_path / "farm.lock")
    assert not is_held()
    with pytest.raises(FarmUnavailable, match=r"farm\.lock (cannot be used|is not a file of yours)"), held():
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["farm.lock"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_state_file_that_does_not_fit_is_told_by_its_name_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FRAMELOOM_HOME", str(tmp_path))
    full = os.open("/dev/full", os.O_WRONLY)
    really = os.fdopen
    monkeypatch.setattr(os, "fdopen", lambda file, *args: (os.dup2(full, file), really(file, *args))[1])
    with held():
        with pytest.raises(FarmUnavailable, match=r"farm\.json cannot be written: No space left on device"):
            FarmState(endpoint="http://x", outputs={}, environment={}).save()
        assert [path.name for path in tmp_path.iterdir()] == ["farm.lock"]
    os.close(full)


def outputs_of_executions(farm: LocalFarm, key: str) -> list[dict[str, Any]]:
    """Return the outputs of the executions that an upload of `key` started, once they have ended."""
    machines = client(farm, "stepfunctions")
    arn = farm.outputs["StateMachineArn"]

    def found() -> list[dict[str, Any]]:
        executions = machines.list_executions(stateMachineArn=arn)["executions"]
        described = [machines.describe_execution(executionArn=each["executionArn"]) for each in executions]
        ours = [each for each in described if json.loads(each["input"])["detail"]["object"]["key"] == key]
        assert not [each for each in ours if each["status"] not in ("RUNNING", "SUCCEEDED")], ours
        return [json.loads(each["output"]) for each in ours if each["status"] == "SUCCEEDED"]

    wait_until(found, f"an execution for {key}")
    # A second one for the same upload would be on its way by now.
    time.sleep(0.5)
    return found()


def batches_of(farm: LocalFarm, prefix: str) -> list[list[dict[str, Any]]]:
    s3, bucket = client(farm, "s3"), farm.outputs["LogBucketName"]
    keys = [stored["Key"] for stored in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
    return [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]


def records(farm: LocalFarm, prefix: str) -> list[dict[str, Any]]:
    return [record for batch in batches_of(farm, prefix) for record in batch]


def attributes(sqs: Any, url: str, names: set[str]) -> dict[str, str]:
    found: dict[str, str] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))["Attributes"]
    return found


def wait_until(happened: Callable[[], Any], what: str, *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


def gone(pid: int) -> bool:
    """Return whether a process has ended; one whose parent has ended may wait to be noticed."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
