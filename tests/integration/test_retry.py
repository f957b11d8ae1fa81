"""Outages of AWS services: the worker keeps its chunk and renders no frame twice."""

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from frameloom.aws.transient import is_transient
from frameloom.model.log_event import LogEvent
from frameloom.services.storage.ports import StoredObject
from frameloom.testing import MemoryQueue
from tests.worker_farm import WorkerFarm
from worker import retry
from worker.supervisor import Supervisor


def refused(code: str, status: int) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Whatever")


FAILS = {
    "500": refused("InternalError", 500),
    "throttled": refused("ThrottlingException", 400),
    "expired": refused("ExpiredTokenException", 400),
    "silent": ReadTimeoutError(endpoint_url="https://aws"),
}


class Away:
    """Fails the first calls of a method, and counts all."""

    def __init__(self, times: int, error: Exception) -> None:
        self.times, self.error, self.calls = times, error, 0

    def wrap(self, original: Any) -> Any:
        def call(*args: Any, **kw: Any) -> Any:
            self.calls += 1
            if self.calls <= self.times:
                raise self.error
            return original(*args, **kw)

        return call


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.05)
    monkeypatch.setattr(retry, "LONGEST_DELAY", 0.1)
    init = Supervisor.__init__

    def with_aws(self: Supervisor, **parts: Any) -> None:
        init(self, is_transient=is_transient, **parts)

    monkeypatch.setattr(Supervisor, "__init__", with_aws)


@pytest.mark.parametrize(
    ("method", "fault"), [("put", "500"), ("put", "silent"), ("list", "throttled"), ("download", "expired")]
)
def test_a_chunk_survives_an_outage_of_s3_and_renders_no_frame_twice(
    farm: WorkerFarm, scene: Path, monkeypatch: pytest.MonkeyPatch, method: str, fault: str
) -> None:
    body = farm.message(scene, "1-3")
    away = Away(5, FAILS[fault])
    monkeypatch.setattr(farm.store, method, away.wrap(getattr(farm.store, method)))
    farm.work(body)
    assert farm.frames() == ["000001.png", "000002.png", "000003.png"]
    assert farm.answers.succeeded["token"]["rendered"] == 3
    assert not farm.answers.failed
    assert away.calls > 5
    told = [record.get("event") for record in farm.records]
    assert told.count(LogEvent.FRAME_RENDERED) == 3
    assert LogEvent.AWS_CALL_RETRYING in told
    assert LogEvent.AWS_CALL_RECOVERED in told


def test_a_listing_that_fails_continues_after_its_last_key(farm: WorkerFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["a", "b", "c", "d"]
    for name in names:
        farm.store.put("frames", name, b"-")
    whole = farm.store.list
    begun: list[str] = []

    def breaks_off_after_two(bucket: str, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        begun.append(after)
        yield from itertools.islice(whole(bucket, prefix, after=after), 2)
        if len(begun) < 3:
            raise FAILS["silent"]

    monkeypatch.setattr(farm.store, "list", breaks_off_after_two)
    outlasting = retry.Retry(is_transient=is_transient)
    outlasting.is_wanted = lambda: True
    found = [stored.key for stored in retry.RetryingStore(farm.store, outlasting).list("frames", "")]
    assert found == names
    assert begun == ["", "b", "d"]


def test_an_answer_survives_an_outage_of_step_functions(
    farm: WorkerFarm, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Away(5, FAILS["silent"])
    monkeypatch.setattr(farm.answers, "succeed", away.wrap(farm.answers.succeed))
    body = farm.message(scene, "1")
    farm.work(body)
    assert away.calls == 6
    assert farm.answers.succeeded["token"]["rendered"] == 1
    assert farm.queue.deleted == [body]


def test_a_permanent_error_fails_the_attempt_at_once(
    farm: WorkerFarm, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = refused("AccessDenied", 403)
    body = farm.message(scene, "1")
    original = farm.store.put

    def put(bucket: str, *args: Any, **kw: Any) -> None:
        if bucket == "frames":
            raise denied
        original(bucket, *args, **kw)

    monkeypatch.setattr(farm.store, "put", put)
    farm.work(body)
    assert farm.answers.failed["token"][0] == "WorkerFailed"


@pytest.mark.parametrize("end", ["canceled", "told to go"])
def test_an_outage_does_not_delay_a_canceled_job_or_a_stopping_worker(
    farm: WorkerFarm, scene: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(retry, "LONGEST_DELAY", 60.0)
    monkeypatch.setattr(retry, "FIRST_DELAY", 60.0)
    body = farm.message(scene, "1-2")
    original = farm.store.put

    def put(bucket: str, *args: Any, **kw: Any) -> None:
        if bucket == "frames":
            raise FAILS["500"]
        original(bucket, *args, **kw)

    monkeypatch.setattr(farm.store, "put", put)

    def stop() -> None:
        farm.wait_for(LogEvent.AWS_CALL_RETRYING)
        if end == "canceled":
            farm.answers.dead.add("token")
        else:
            os.kill(os.getpid(), signal.SIGTERM)

    farm.work(body, lease=1, beside=stop)
    assert not farm.answers.succeeded
    # A stopping worker has sent its chunk again before it deleted it.
    assert farm.queue.sent == ([] if end == "canceled" else [body])
    assert farm.queue.deleted == [body]


@pytest.mark.parametrize(("away", "kept"), [("beat", "renewed"), ("renew", "beats")])
def test_an_outage_of_one_service_does_not_stop_the_calls_to_the_other(
    farm: WorkerFarm, slow_scene: Path, monkeypatch: pytest.MonkeyPatch, away: str, kept: str
) -> None:
    counted: list[Any] = []

    def fail(*_: Any) -> bool:
        raise FAILS["silent"]

    def beside() -> None:
        queue, answers = farm.queue, farm.answers
        monkeypatch.setattr(queue if away == "renew" else answers, away, fail)
        before = len(queue.renewed if kept == "renewed" else answers.beats)
        farm.wait_for(LogEvent.HEARTBEAT_FAILED if away == "beat" else LogEvent.RENEWAL_FAILED)
        counted.append((before, queue.renewed if kept == "renewed" else answers.beats))
        os.kill(os.getpid(), signal.SIGTERM)

    farm.work(farm.message(slow_scene, "1"), lease=1, beside=beside)
    [(before, after)] = counted
    assert len(after) > before


def test_failed_polls_are_logged_once_and_once_when_they_are_over(
    farm: WorkerFarm, scene: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("worker.supervisor.FIRST_DELAY", 0.01)
    away = Away(6, FAILS["expired"])
    monkeypatch.setattr(MemoryQueue, "receive", away.wrap(MemoryQueue.receive))
    farm.work(farm.message(scene, "1"))
    said = [getattr(record, "event", None) for record in caplog.records]
    assert said.count(LogEvent.POLL_FAILED) == 1
    assert said.count(LogEvent.POLL_RECOVERED) == 1
    assert farm.answers.succeeded
