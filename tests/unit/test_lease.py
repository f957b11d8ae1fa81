"""A lease, on a clock of the test's own."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

import worker.lease
from frameloom.model.log_event import LogEvent
from frameloom.services.storage.ports import Received
from worker.lease import Lease


class Clock:
    """Time that passes when a lease waits; after so many waits the lease is released."""

    def __init__(self, waits: int) -> None:
        self.now, self._waits = 0.0, waits

    def wait(self, seconds: float) -> bool:
        self._waits -= 1
        self.now += seconds
        return self._waits < 0

    def set(self) -> None:
        """Let the thread go on to its end: the number of waits decides when that is."""


def keep(
    monkeypatch: pytest.MonkeyPatch, *, renew: Callable[[Clock], bool], beat: Callable[[Clock], bool]
) -> list[float]:
    """Keep a lease of two minutes for three heartbeats; return when it was renewed."""
    clock, renewed = Clock(3), list[float]()
    monkeypatch.setattr(worker.lease, "time", SimpleNamespace(monotonic=lambda: clock.now))

    def renew_at(*_: Any) -> bool:
        renewed.append(clock.now)
        return renew(clock)

    lease = Lease(
        received=Received(body="", receipt="receipt", receives=1),
        token="token",
        queue=cast("Any", SimpleNamespace(renew=renew_at)),
        tokens=cast("Any", SimpleNamespace(beat=lambda _: beat(clock))),
        length=timedelta(seconds=120),
        interval=timedelta(seconds=30),
        on_heartbeat=lambda: None,
        on_release=lambda: None,
    )
    monkeypatch.setattr(lease, "_exited", clock)
    with lease:
        pass
    assert lease.released is None
    return renewed


def silent(seconds: float) -> Callable[[Clock], bool]:
    def call(clock: Clock) -> bool:
        clock.now += seconds
        raise TimeoutError("no answer")

    return call


def test_three_more_renewals_come_before_a_lease_ends_while_step_functions_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    renewed = keep(monkeypatch, renew=lambda _: True, beat=silent(11))
    assert renewed == [0, 30, 60, 90]


def test_three_more_renewals_come_before_a_lease_ends_while_both_services_are_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    renewed = keep(monkeypatch, renew=silent(11), beat=silent(11))
    assert renewed == [0, 30, 60, 90]


def test_heartbeats_that_a_slow_answer_delays_are_not_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    renewed = keep(monkeypatch, renew=lambda _: True, beat=silent(75))
    assert renewed == [0, 75, 150, 225]


def test_an_outage_is_logged_once_and_not_at_each_heartbeat(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keep(monkeypatch, renew=lambda _: True, beat=silent(1))
    assert [record.__dict__["event"] for record in caplog.records] == [LogEvent.HEARTBEAT_FAILED]
    assert caplog.records[0].__dict__["facts"] == {"problem": "no answer"}
