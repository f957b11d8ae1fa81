"""A film succeeds under any quota of concurrent Lambdas: a simulation with the retries of the emitted definition."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.throttling import THROTTLED, encode
from frameloom.services.verify_frames import AT_ONCE

ROOT = Path(__file__).parents[2]
# The retrier of an earlier state machine: five attempts, shared with faults of Lambda.
FIVE_ATTEMPTS = {"MaxAttempts": 5, "IntervalSeconds": 2, "BackoffRate": 2.0, "MaxDelaySeconds": 60}
# An account's quota of concurrent executions: new, raised once, usual.
QUOTAS = (10, 50, 1000)
SEEDS = range(40)
# Seconds that a frame of 4K takes, of which 500 take most of a function's 15 minutes.
FRAME_OF_4K = 1.4


@pytest.fixture(scope="module")
def retrier() -> dict[str, Any]:
    machine = json.loads((ROOT / "statemachine/render_job.asl.json").read_text(encoding="utf-8"))
    state = machine["States"]["EncodeSegments"]["ItemProcessor"]["States"]["EncodeSegment"]
    found: dict[str, Any] = next(each for each in state["Retry"] if THROTTLED in each["ErrorEquals"])
    return found


@pytest.mark.parametrize("quota", QUOTAS)
@pytest.mark.parametrize("frames", [2_000, 4_000, 20_000])
def test_a_film_succeeds_under_any_quota(frames: int, quota: int, retrier: dict[str, Any]) -> None:
    films = [encode(frames, quota=quota, at_once=AT_ONCE, retrier=retrier, seed=seed) for seed in SEEDS]
    assert all(film.succeeded for film in films)
    if quota > AT_ONCE:
        assert sum(film.throttled for film in films) == 0


@pytest.mark.parametrize("quota", QUOTAS)
def test_a_long_film_of_4k_succeeds(quota: int, retrier: dict[str, Any]) -> None:
    films = [
        encode(100_000, quota=quota, at_once=AT_ONCE, retrier=retrier, seed=seed, frame=FRAME_OF_4K)
        for seed in SEEDS[:10]
    ]
    assert all(film.succeeded for film in films)


def test_a_free_place_is_taken_soon(retrier: dict[str, Any]) -> None:
    """Retries cost a film less than half of its time without throttling."""
    throttled = [encode(20_000, quota=10, at_once=AT_ONCE, retrier=retrier, seed=seed).seconds for seed in SEEDS]
    fitting = [encode(20_000, quota=10, at_once=10, retrier=retrier, seed=seed).seconds for seed in SEEDS]
    assert sum(throttled) < 1.5 * sum(fitting)


def test_fewer_at_once_than_the_quota_are_never_throttled(retrier: dict[str, Any]) -> None:
    assert encode(20_000, quota=10, at_once=5, retrier=retrier, seed=1).throttled == 0


def test_five_retries_lose_long_films_in_a_new_account() -> None:
    lost = {
        frames: sum(
            not encode(frames, quota=10, at_once=AT_ONCE, retrier=FIVE_ATTEMPTS, seed=seed).succeeded for seed in SEEDS
        )
        for frames in (2_000, 4_000)
    }
    assert lost[2_000] > 0
    assert lost[4_000] > 0.8 * len(SEEDS)
