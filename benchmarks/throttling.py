"""A film that is encoded under a quota of concurrent Lambdas, with the retries of the state machine.

A call beyond the quota is throttled, and EncodeSegment's retrier decides whether and when it is made again. The film
fails with the first segment that has no retry left.
"""

import heapq
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.scale import CALL, ENCODE_FRAME
from frameloom.services.verify import plan_segments

THROTTLED = "Lambda.TooManyRequestsException"
# Some segments have more to encode than others, and Lambda's machines differ.
SPREAD = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """How a film ended: after how many seconds, and with how many throttled calls."""

    succeeded: bool
    seconds: float
    throttled: int


def encode(
    frames: int, *, quota: int, at_once: int, retrier: Mapping[str, Any], seed: int, frame: float = ENCODE_FRAME
) -> Encoded:
    """Encode a film of so many frames, each `frame` seconds, on an account that has `quota` Lambdas for it alone.

    Args:
        frames: in the film.
        quota: concurrent executions.
        at_once: children that the Map has under way.
        retrier: what Step Functions does about a throttled call, from the definition.
        seed: of the jitter and of the segments' times.
        frame: seconds that a frame takes.
    """
    chance = random.Random(seed)  # noqa: S311
    segments = [CALL + frame * segment.count for segment in plan_segments(frames)]
    # Moments at which a child calls, each with its segment and how often it was throttled; and at which calls end.
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
    """Return the longest that Step Functions waits before this retry; with full jitter it waits any part of that."""
    # Past some doublings the longest delay is all that counts, and the power would overflow.
    grown = retrier["IntervalSeconds"] * retrier["BackoffRate"] ** min(tries, 30)
    return float(min(grown, retrier.get("MaxDelaySeconds", grown)))
