"""How long a service that says nothing may hold a worker up."""

from datetime import timedelta
from typing import Any

from frameloom.aws.clients import HASTY
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
    assert timedelta(seconds=2 * silence(HASTY)) < config.heartbeat_interval
