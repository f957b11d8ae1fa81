"""The worker's loop: leases, heartbeats, signals and answers."""

import os
import signal
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from frameloom.model.log_event import LogEvent
from frameloom.services.images.integrity import check_image
from frameloom.services.storage.ports import Received
from frameloom.testing import MemoryQueue
from tests.worker_farm import PREFIX, WorkerFarm


def test_a_chunk_is_rendered_stored_and_answered_once(farm: WorkerFarm, scene: Path) -> None:
    body = farm.message(scene, "3-5")
    farm.work(body)
    assert farm.frames() == ["000003.png", "000004.png", "000005.png"]
    for name in farm.frames():
        check_image(farm.store.get("frames", PREFIX + name) or b"", format="PNG", frame=0, size=(64, 36))
    answer = farm.answers.succeeded["token"]
    assert (answer["rendered"], answer["reused"], answer["worker"]) == (3, 0, "worker-1")
    assert farm.queue.deleted == [body]
    assert farm.queue.sent == []
    [result] = farm.results()
    assert sorted(result["frame_seconds"]) == ["3", "4", "5"]


def test_a_message_of_a_dead_job_is_dropped_unrendered(farm: WorkerFarm, scene: Path) -> None:
    farm.answers.dead.add("token")
    body = farm.message(scene, "1-3")
    farm.work(body)
    assert farm.queue.deleted == [body]
    assert LogEvent.CHUNK_RECEIVED not in [record.get("event") for record in farm.records]
    assert (farm.answers.succeeded, farm.answers.failed) == ({}, {})


def test_a_canceled_job_stops_its_worker_within_one_heartbeat(farm: WorkerFarm, scene: Path, slow_scene: Path) -> None:
    ended: list[float] = []

    def cancel() -> None:
        farm.wait_for(LogEvent.FRAME_STARTED)
        farm.answers.dead.add("slow")
        begun = time.monotonic()
        farm.wait_for(LogEvent.CHUNK_RELEASED)
        ended.append(time.monotonic() - begun)

    slow = farm.message(slow_scene, "1-3", token="slow")
    farm.work(slow, farm.message(scene, "1", token="next"), lease=4, beside=cancel)
    # The heartbeat interval is one second, and the log is shipped every second.
    assert ended[0] < 3
    assert slow in farm.queue.deleted
    assert list(farm.answers.succeeded) == ["next"]


def test_the_lease_is_renewed_and_heartbeats_are_sent_while_a_frame_renders(farm: WorkerFarm, slow_scene: Path) -> None:
    def watch() -> None:
        farm.wait_for(LogEvent.FRAME_STARTED)
        before = len(farm.queue.renewed)
        time.sleep(2.5)
        assert len(farm.queue.renewed) - before >= 2
        assert len(farm.answers.beats) >= len(farm.queue.renewed)
        os.kill(os.getpid(), signal.SIGTERM)

    farm.work(farm.message(slow_scene, "1"), lease=4, beside=watch)


def test_a_chunk_whose_lease_is_lost_is_left_to_its_new_worker(farm: WorkerFarm, slow_scene: Path) -> None:
    def lose() -> None:
        farm.wait_for(LogEvent.FRAME_STARTED)
        farm.queue.lost.add("receipt-1")
        farm.wait_for(LogEvent.CHUNK_RELEASED)

    farm.work(farm.message(slow_scene, "1"), lease=4, beside=lose)
    assert farm.queue.deleted == farm.queue.sent == []
    assert (farm.answers.succeeded, farm.answers.failed) == ({}, {})


def test_sigterm_gives_the_chunk_back_with_its_token_and_keeps_what_is_finished(
    farm: WorkerFarm, scene: Path, slow_scene: Path
) -> None:
    def stop() -> None:
        farm.wait_for(LogEvent.FRAME_STARTED)
        os.kill(os.getpid(), signal.SIGTERM)

    body = farm.message(slow_scene, "1-3")
    begun = time.monotonic()
    farm.work(body, farm.message(scene, "1", token="other"), beside=stop)
    assert time.monotonic() - begun < 20
    assert (farm.queue.sent, farm.queue.deleted) == ([body], [body])
    assert (farm.answers.succeeded, farm.answers.failed) == ({}, {})


def test_a_message_that_a_stopping_worker_receives_is_given_back(farm: WorkerFarm, scene: Path) -> None:
    """SQS answers a poll that it has begun, whether or not the worker still listens."""
    asked, told = threading.Event(), threading.Event()
    receive = MemoryQueue.receive

    def poll(queue: MemoryQueue, **arguments: Any) -> Received | None:
        asked.set()
        assert told.wait(20)
        return receive(queue, **arguments)

    def stop() -> None:
        assert asked.wait(60)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.3)
        told.set()

    body = farm.message(scene, "1-3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryQueue, "receive", poll)
        farm.work(body, beside=stop)
    assert (farm.queue.sent, farm.queue.deleted, farm.queue.leased) == ([body], [body], {})
    assert farm.frames() == []


def test_a_stopping_worker_does_not_wait_for_a_queue_that_never_answers(
    farm: WorkerFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.supervisor.LAST_POLL", timedelta(seconds=0.5))
    asked = threading.Event()

    def silent(_queue: MemoryQueue, **_arguments: Any) -> Received | None:
        asked.set()
        time.sleep(60)
        return None

    def stop() -> None:
        assert asked.wait(60)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(MemoryQueue, "receive", silent)
    begun = time.monotonic()
    farm.work(beside=stop)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("beats", [0, 1])
def test_a_chunk_with_an_unknown_token_goes_back_to_the_queue_and_counts_a_receive(
    farm: WorkerFarm, scene: Path, slow_scene: Path, beats: int
) -> None:
    """`InvalidToken` may be an emulator's that is late: three such receives, and the dead-letter queue has it."""
    farm.answers.unknown_after["odd"] = beats
    body = farm.message(slow_scene, "1-3", token="odd")
    farm.work(body, farm.message(scene, "1", token="next"), lease=4)
    assert (farm.queue.sent, body in farm.queue.deleted) == ([], False)
    assert farm.queue.returned == {"receipt-1": timedelta(seconds=1)}
    assert list(farm.answers.succeeded) == ["next"]


def test_a_chunk_whose_answer_has_an_unknown_token_goes_back_to_the_queue(farm: WorkerFarm, scene: Path) -> None:
    farm.answers.unknown_answers.add("odd")
    body = farm.message(scene, "1", token="odd")
    farm.work(body, farm.message(scene, "2", token="next"), lease=4)
    assert (farm.queue.sent, body in farm.queue.deleted) == ([], False)
    assert farm.queue.returned == {"receipt-1": timedelta(seconds=1)}
    assert "000001.png" in farm.frames()
    assert list(farm.answers.succeeded) == ["next"]


def test_invalid_messages_are_left_for_the_dead_letter_queue(farm: WorkerFarm, scene: Path) -> None:
    bodies = ["no json", "{}", '{"version": 2}', "[]", "\x00"]
    farm.work(*bodies, farm.message(scene, "1"))
    assert list(farm.queue.leased.values()) == bodies
    assert list(farm.answers.succeeded) == ["token"]


def test_a_queue_that_fails_is_polled_again(farm: WorkerFarm, scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = iter([ConnectionError("no route"), TimeoutError("nobody answers")])
    receive = MemoryQueue.receive

    def sometimes(queue: MemoryQueue, **arguments: Any) -> Received | None:
        for failure in failures:
            raise failure
        return receive(queue, **arguments)

    monkeypatch.setattr(MemoryQueue, "receive", sometimes)
    monkeypatch.setattr("worker.supervisor.FIRST_DELAY", 0.01)
    farm.work(farm.message(scene, "1"))
    assert list(farm.answers.succeeded) == ["token"]
