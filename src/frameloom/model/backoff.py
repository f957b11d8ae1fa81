"""Delays between attempts: exponential backoff with full jitter.

Clients that fail together and double their delays in step also return together, 10,000 workers at once. Random delays
spread them. Source: "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
"""

import random
from collections.abc import Callable, Iterator


def delays(
    *, first: float, longest: float, uniform: Callable[[float, float], float] = random.uniform
) -> Iterator[float]:
    """Yield delays without end, each uniform between zero and a limit.

    The limit is `first`, then doubles up to `longest`; all in seconds.
    """
    limit = min(first, longest)
    while True:
        yield uniform(0.0, limit)
        limit = min(2 * limit, longest)
