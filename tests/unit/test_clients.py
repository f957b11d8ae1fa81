"""What all clients of AWS have in common: how long silence may hold a worker up, and how times are read."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.utils import parse_timestamp

from frameloom.aws import clients
from frameloom.aws.clients import HASTY, read_time
from worker.config import WorkerConfig

# botocore waits up to a second before its first retry in the mode `standard`, and twice as long before each next one.
LONGEST_BACKOFF = 1.0


def silence(config: Any) -> float:
    """Return for how many seconds a call may last that connects and is never answered."""
    attempts = config.retries["total_max_attempts"]
    return float(attempts * config.read_timeout + sum(LONGEST_BACKOFF * 2**n for n in range(attempts - 1)))


def test_a_renewal_and_a_beat_that_nobody_answers_take_less_than_a_beat_together() -> None:
    needed = {"CHUNK_QUEUE_URL": "chunks", "LOG_QUEUE_URL": "logs", "LOG_BUCKET": "logs"}
    config = WorkerConfig.from_environment(needed)
    assert HASTY.retries["mode"] == "standard"  # type: ignore[attr-defined]
    assert timedelta(seconds=2 * silence(HASTY)) < config.beat


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-25T09:00:00.000Z",
        "2026-11-25T09:00:00+01:00",
        "Wed, 25 Nov 2026 09:00:00 GMT",
        "2026-11-25",
        1_795_600_000,
        1_795_600_000.25,
        "1795600000",
    ],
)
def test_times_are_read_as_botocore_reads_them(written: Any) -> None:
    assert read_time(written) == parse_timestamp(written)


def test_times_of_a_listing_are_read_without_what_botocore_takes_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Any) -> None:
        raise AssertionError("botocore was asked")

    monkeypatch.setattr(clients, "parse_timestamp", refuse)
    assert read_time("2026-11-25T09:00:00.000Z").hour == 9
