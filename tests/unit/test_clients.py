"""Timeouts and delays of the clients."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.retries.standard import ExponentialBackoff, RetryContext

from frameloom.aws.clients import HASTY
from worker.config import WorkerConfig

# The longest delay before the first retry in the mode `standard`, in seconds; it doubles before each further retry.
LONGEST_BACKOFF = 1.0


def silence(config: Any) -> float:
    """Return the longest duration of a request without a response, in seconds."""
    attempts = config.retries["total_max_attempts"]
    return float(attempts * config.read_timeout + sum(LONGEST_BACKOFF * 2**n for n in range(attempts - 1)))


def test_an_unanswered_renewal_and_heartbeat_together_take_less_than_a_heartbeat() -> None:
    needed = {"CHUNK_QUEUE_URL": "chunks", "LOG_QUEUE_URL": "logs", "LOG_BUCKET": "logs"}
    config = WorkerConfig.from_environment(needed)
    assert HASTY.retries["mode"] == "standard"  # type: ignore[attr-defined]
    assert timedelta(seconds=2 * silence(HASTY)) < config.heartbeat_interval


@pytest.mark.parametrize("attempt", [1, 2, 3, 7])
def test_the_delays_between_attempts_of_boto3_have_full_jitter(attempt: int) -> None:
    """Clients here use the modes standard and adaptive, which share this delay: 10,000 workers do not retry in step."""
    context = RetryContext(attempt_number=attempt)
    limit = ExponentialBackoff(random=lambda: 1.0).delay_amount(context)
    found = [ExponentialBackoff().delay_amount(context) for _ in range(1000)]
    assert min(found) < limit / 10
    assert limit * 9 / 10 < max(found) <= limit
