"""Simulates the encoding of a film under a quota of concurrent Lambdas, with the retries of the state machine.

A call beyond the quota is throttled, and EncodeSegment's retrier decides whether and when to retry. The film fails with
the first segment that has no retry left.
"""

import heapq
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from frameloom.estimate.job_estimate import CALL, ENCODE_FRAME
from frameloom.services.verify_frames import plan_segments

THROTTLED = "Lambda.TooManyRequestsException"
# Segments differ in content, and Lambda's machines in speed.
SPREAD = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """The result of encoding a film: seconds, and throttled calls."""

    succeeded: bool
    seconds: float
    throttled: int


def encode(
    frames: int, *, quota: int, at_once: int, retrier: Mapping[str, Any], seed: int, frame: float = ENCODE_FRAME
) -> Encoded:
    """Encode a film of `frames` frames in an account with `quota` Lambdas that run nothing else.

    Args:
        frames: the film's frames.
        quota: the quota of concurrent executions.
        at_once: how many children the Map runs at once.
        retrier: the definition's retrier for throttled calls.
        seed: for the jitter and the segments' times.
        frame: seconds to encode a frame.
    """
    chance = random.Random(seed)  # noqa: S311
    segments = [CALL + frame * segment.count for segment in plan_segments(frames)]
    # Calls: time, segment, throttled attempts. Running: the times when calls end.
    calls = [(chance.random(), number, 0) for number in range(min(at_once, len(segments)))]
    heapq.heapify(calls)
    running: list[float] = []
    begun, now, throttled = len(calls), 0.0, 0
    while calls:
        now, number, tries = heapq.heappop(calls)
        while running and running[0] <= now:
            heapq.heappop(running)
        if len(running) < quota:
            end = now + segments[number] * chance.uniform(1 - SPREAD, 1 + SPREAD)
            heapq.heappush(running, end)
            if begun < len(segments):
                heapq.heappush(calls, (end, begun, 0))
                begun += 1
        elif tries == retrier["MaxAttempts"]:
            return Encoded(succeeded=False, seconds=now, throttled=throttled)
        else:
            throttled += 1
            heapq.heappush(calls, (now + chance.uniform(0, _bound(retrier, tries)), number, tries + 1))
    return Encoded(succeeded=True, seconds=max(running), throttled=throttled)


def _bound(retrier: Mapping[str, Any], tries: int) -> float:
    """Return the longest delay before this retry; with full jitter Step Functions waits any part of it."""
    # After some doublings only the maximum delay counts, and the power would overflow.
    grown = retrier["IntervalSeconds"] * retrier["BackoffRate"] ** min(tries, 30)
    return float(min(grown, retrier.get("MaxDelaySeconds", grown)))
