"""Workers that fail together must not retry together: their delays have full jitter."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from frameloom.model.backoff import delays
from frameloom.services.storage.ports import Received
from frameloom.testing import MemoryQueue, MemoryStore, MemoryTokens
from worker import retry, supervisor
from worker.blender import Blender
from worker.config import WorkerConfig
from worker.log_shipper import LogShipper
from worker.retry import Retry
from worker.supervisor import Supervisor


class Dice:
    """Takes the highest delay of each range, and keeps the ranges."""

    def __init__(self) -> None:
        self.ranges: list[tuple[float, float]] = []

    def uniform(self, low: float, high: float) -> float:
        self.ranges.append((low, high))
        return high


@pytest.fixture
def dice(monkeypatch: pytest.MonkeyPatch) -> Dice:
    dice = Dice()
    for module in (retry, supervisor):
        monkeypatch.setattr(module, "delays", partial(delays, uniform=dice.uniform))
    return dice


def test_a_call_to_aws_is_retried_after_random_delays_that_double(dice: Dice, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(retry, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    answers = iter([ConnectionError()] * 7 + ["done"])

    def call() -> str:
        answer = next(answers)
        if isinstance(answer, ConnectionError):
            raise answer
        return answer

    patient = Retry(is_transient=lambda _: True)
    patient.is_wanted = lambda: True
    assert patient.call(call) == "done"
    assert dice.ranges == [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (0, 30), (0, 30)]
    assert now[0] == pytest.approx(sum(high for _, high in dice.ranges))


def test_failed_polls_are_repeated_after_random_delays_that_double_until_a_poll_succeeds(
    dice: Dice, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Queue(MemoryQueue):
        polls = 0

        def receive(self, *, lease: timedelta, wait: timedelta) -> Received | None:
            self.polls += 1
            if self.polls != 3:
                raise ConnectionError("no route")
            return super().receive(lease=lease, wait=wait)

    environment = {"CHUNK_QUEUE_URL": "chunks", "LOG_QUEUE_URL": "logs", "LOG_BUCKET": "logs"}
    monkeypatch.setattr(Blender, "start", lambda _: None)
    worker = Supervisor(
        config=WorkerConfig.from_environment(environment | {"SCRATCH_DIR": str(tmp_path)}),
        queue=Queue(),
        store=MemoryStore(),
        tokens=MemoryTokens(),
        shipper=LogShipper(worker="worker-1", send=lambda _: None, folder=tmp_path),
        blender=Blender(scratch=tmp_path),
        folder=tmp_path,
    )
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 5:
            worker._stopping.set()

    monkeypatch.setattr(worker._stopping, "wait", wait)
    worker.run()
    assert waits == [high for _, high in dice.ranges] == [2, 4, 2, 4, 8]
