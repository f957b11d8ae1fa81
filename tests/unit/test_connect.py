"""The farm that the client connects to; a farm of its own always ends."""

import importlib.metadata
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import pytest

from frameloom.aws import clients
from frameloom.aws.store import S3Store
from frameloom.cli.select_farm import farm_for_job
from frameloom.client import Farm
from frameloom.client.connect import OwnTarget, RunningTarget, local_target
from frameloom.local import local_farm
from frameloom.local.environment import farm_environment
from frameloom.local.farm_state import FarmState
from frameloom.model.errors import FarmUnavailable, InvalidRequest
from tests.scenes import make_scene

OUTPUTS = {
    "ScenesBucketName": "scenes",
    "FramesBucketName": "frames",
    "LogBucketName": "logs",
    "ChunkQueueUrl": "http://localhost/chunks",
    "ChunkDeadLetterQueueUrl": "http://localhost/lost",
    "LogQueueUrl": "http://localhost/logs",
    "StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:render",
    "SubmitJobFunctionName": "submit",
    "BlenderVersions": "4.5.15",
    "CyclesDevice": "OPTIX",
}
ENVIRONMENT = farm_environment("http://127.0.0.1:1", secret="0123456789" * 4)


class MemoryLocalFarm:
    """A local farm without processes, which records its start and its end."""

    made: "list[MemoryLocalFarm]"
    starting: Callable[[], None]
    environment, outputs, endpoint = ENVIRONMENT, OUTPUTS, "http://127.0.0.1:1"

    def __init__(
        self,
        *,
        workers: int,
        most: int,
        parameters: Mapping[str, str],
        addressed: Callable[[Mapping[str, str]], None],
        log: Callable[[str], None],
    ) -> None:
        self.workers, self.most, self.parameters, self.log = workers, most, parameters, log
        self.addressed = addressed
        self.events: list[str] = []
        type(self).made.append(self)

    def __enter__(self) -> Self:
        self.addressed(self.environment)
        type(self).starting()
        self.events.append("started")
        return self

    def close(self) -> None:
        self.events.append("closed")


@pytest.fixture
def farms(monkeypatch: pytest.MonkeyPatch) -> list[MemoryLocalFarm]:
    monkeypatch.setattr(MemoryLocalFarm, "made", [], raising=False)
    monkeypatch.setattr(MemoryLocalFarm, "starting", staticmethod(lambda: None), raising=False)
    monkeypatch.setattr(local_farm, "LocalFarm", MemoryLocalFarm)
    return MemoryLocalFarm.made


@pytest.fixture(autouse=True)
def no_farm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide a farm that runs on the developer's machine."""
    monkeypatch.setattr(FarmState, "load", classmethod(lambda _: None))


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a local farm run."""
    state = FarmState(
        pid=os.getpid(), endpoint="http://127.0.0.1:1", outputs=OUTPUTS, environment=ENVIRONMENT, workers=2
    )
    monkeypatch.setattr(FarmState, "load", classmethod(lambda _: state))
    monkeypatch.setattr(FarmState, "answers", lambda _: True)


def test_without_a_running_farm_the_client_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("frameloom.client.connect.most_workers", lambda: 4)
    assert isinstance(local_target(), OwnTarget)
    assert isinstance(local_target(workers=3), OwnTarget)
    # One chunk that renders and one that waits for each worker; by the largest number of workers if it may grow.
    assert [OwnTarget(workers).chunks_at_once for workers in (3, None, 0)] == [6, 8, None]


@pytest.mark.parametrize("workers", [0, -1, "2"])
def test_a_number_of_workers_that_is_none_is_refused(workers: Any) -> None:
    with pytest.raises(InvalidRequest, match=f"workers: takes a whole number from 1, not {workers!r}"):
        Farm.local(workers=workers)


@pytest.mark.usefixtures("running")
def test_a_running_farm_is_used() -> None:
    chosen = local_target()
    assert isinstance(chosen, RunningTarget)
    assert (chosen.blenders(), chosen.device(), chosen.chunks_at_once) == (("4.5.15",), "OPTIX", 4)
    assert chosen.connection().buckets.frames == "frames"


@pytest.mark.usefixtures("running")
def test_a_running_farm_that_does_not_answer_is_an_error_with_a_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FarmState, "answers", lambda _: False)
    with pytest.raises(FarmUnavailable, match=r"at http://127\.0\.0\.1:1 .* does not answer: .*`frameloom farm down`"):
        local_target()


@pytest.mark.parametrize(("trusted", "scripts"), [(False, "refuse"), (True, "allow")])
def test_an_own_farm_runs_python_in_scenes_only_if_trusted(
    farms: list[MemoryLocalFarm], *, trusted: bool, scripts: str
) -> None:
    own = local_target(trust_scripts=trusted)
    own.open(print, trust_scripts=False)
    own.connection()
    own.close()
    assert farms[0].parameters["TrustedScripts"] == scripts


@pytest.mark.usefixtures("running")
def test_a_running_farm_refuses_a_number_of_workers() -> None:
    with pytest.raises(InvalidRequest, match="workers: a local farm is running"):
        local_target(workers=2)


@pytest.mark.parametrize("options", [{"local": True}, {"workers": 2}])
def test_stack_cannot_be_combined_with_options_of_a_local_farm(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="cannot be combined with --stack"):
        farm_for_job(stack="farm", local=options.get("local", False), workers=options.get("workers"))


def test_running_raises_without_a_running_farm(farms: list[MemoryLocalFarm]) -> None:
    with pytest.raises(FarmUnavailable, match="No local farm is running"):
        Farm.running()
    assert farms == []


def test_an_own_farm_starts_when_opened_and_ends_when_closed(
    farms: list[MemoryLocalFarm],
) -> None:
    own = OwnTarget(3)
    assert farms == []
    own.open(print, trust_scripts=False)
    assert own.connection().buckets.scenes == "scenes"
    (farm,) = farms
    assert (farm.workers, farm.most) == (3, 3)
    own.close()
    assert farm.events == ["started", "closed"]


def test_an_own_farm_starts_with_one_worker_and_may_add_more(
    farms: list[MemoryLocalFarm], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("frameloom.client.connect.most_workers", lambda: 4)
    own = OwnTarget(None)
    own.open(print, trust_scripts=False)
    own.connection()
    own.close()
    (farm,) = farms
    assert (farm.workers, farm.most) == (1, 4)


def test_opening_a_farm_returns_at_once_and_closing_waits_for_its_start(
    farms: list[MemoryLocalFarm], monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    monkeypatch.setattr(MemoryLocalFarm, "starting", staticmethod(lambda: go.wait(10)))
    own = OwnTarget(None)
    own.open(print, trust_scripts=False)
    threading.Timer(0.1, go.set).start()
    own.close()
    assert farms[0].events == ["started", "closed"]


def test_threads_that_open_a_farm_at_once_start_one(
    farms: list[MemoryLocalFarm], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = OwnTarget(None)
    submit = own._thread.submit

    def submit_slowly(*arguments: Any) -> Any:
        time.sleep(0.05)
        return submit(*arguments)

    monkeypatch.setattr(own._thread, "submit", submit_slowly)
    threads = [threading.Thread(target=own.open, args=(print,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    own.close()
    assert [farm.events for farm in farms] == [["started", "closed"]]


def test_a_closed_farm_is_not_started_again_by_its_jobs(farms: list[MemoryLocalFarm], tmp_path: Path) -> None:
    with Farm.local() as farm:
        late = farm.new_job(make_scene(tmp_path / "shot.blend"))
    for call in (late.start, late.status, late.cancel, lambda: list(late.follow())):
        with pytest.raises(FarmUnavailable, match="This farm was closed"):
            call()
    assert farms == []


def test_a_farm_that_was_never_opened_can_be_closed(farms: list[MemoryLocalFarm]) -> None:
    OwnTarget(None).close()
    assert farms == []


def test_a_farm_that_does_not_start_raises_its_reason(
    farms: list[MemoryLocalFarm], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise FarmUnavailable(problem="No port is free.")

    monkeypatch.setattr(MemoryLocalFarm, "starting", staticmethod(fail))
    own = OwnTarget(None)
    own.open(print, trust_scripts=False)
    with pytest.raises(FarmUnavailable, match="No port is free"):
        own.connection()
    own.close()
    assert len(farms) == 1


def test_a_farm_that_fails_before_it_has_an_address_raises_its_reason(
    farms: list[MemoryLocalFarm], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: MemoryLocalFarm) -> None:
        raise FarmUnavailable(problem="There is no template.")

    monkeypatch.setattr(MemoryLocalFarm, "__enter__", fail)
    own = OwnTarget(None)
    own.open(print, trust_scripts=False)
    with pytest.raises(FarmUnavailable, match="There is no template"):
        own.connection()
    own.close()
    assert len(farms) == 1


def test_clients_are_made_while_a_farm_starts(farms: list[MemoryLocalFarm], monkeypatch: pytest.MonkeyPatch) -> None:
    made = threading.Event()
    monkeypatch.setattr(MemoryLocalFarm, "starting", staticmethod(lambda: made.wait(10) or pytest.fail("no client")))
    real = clients.clients_for

    def clients_for(environment: Mapping[str, str]) -> Callable[[str], Any]:
        made.set()
        return real(environment)

    monkeypatch.setattr(clients, "clients_for", clients_for)
    own = OwnTarget(None)
    own.open(print, trust_scripts=False)
    own.connection()
    own.close()
    assert len(farms) == 1


def test_a_local_farm_is_reached_with_its_own_key_and_this_process_keeps_its_account(
    farms: list[MemoryLocalFarm], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.com")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.com")
    before = dict(os.environ)
    own = OwnTarget(None)
    own.open(print, trust_scripts=False)
    store = own.connection().store
    own.close()
    assert isinstance(store, S3Store)
    s3 = store._s3
    assert (s3.meta.endpoint_url, s3.meta.config.proxies) == (ENVIRONMENT["AWS_ENDPOINT_URL"], {})
    signed = s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    assert ENVIRONMENT["AWS_ACCESS_KEY_ID"] in signed
    assert "security-token" not in signed.lower()
    assert os.environ == before
    assert len(farms) == 1


def test_no_aws_variable_of_this_process_changes_the_clients_of_a_local_farm(
    farms: list[MemoryLocalFarm], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "not an option, so that botocore makes no client")
    own = OwnTarget(None)
    own.open(print, trust_scripts=False)
    store = own.connection().store
    own.close()
    assert isinstance(store, S3Store)
    assert store._s3.meta.config.request_checksum_calculation == "when_supported"
    assert len(farms) == 1


def test_an_own_farm_has_all_installed_blenders(
    farms: list[MemoryLocalFarm], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", {"bpy": "4.5.99"}.__getitem__)
    for version in ("5.0.1", "4.2.16"):
        (tmp_path / version / "bpy").mkdir(parents=True)
    monkeypatch.setenv("FRAMELOOM_BLENDERS", str(tmp_path))
    own = OwnTarget(None)
    assert own.blenders() == ("4.2.16", "4.5.99", "5.0.1")
    own.open(print, trust_scripts=False)
    own.running()
    own.close()
    assert farms[0].parameters == {
        "BlenderVersions": "4.2.16 4.5.99 5.0.1",
        "CyclesDevice": "CPU",
        "TrustedScripts": "refuse",
    }


def test_a_machine_without_blender_is_an_error_with_a_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(FarmUnavailable, match=r"Blender is not installed here: .*--stack"):
        OwnTarget(None).blenders()
