"""The wait of chunks for a worker, where a job expects more workers than the fleet has."""

import heapq
import math
from collections import deque
from itertools import islice

from frameloom.estimate.job_estimate import Case, chunk_rounds


def longest_wait(case: Case, max_workers: int) -> float:
    """Return the seconds that the last of a job's first messages waits for a worker.

    `max_workers` messages are sent at the start, and the queue delivers them roughly in order.
    """
    *_, sizes = chunk_rounds(Case(frames=case.frames, workers=max_workers, seconds=case.seconds))
    out = min(max_workers, len(sizes))
    return (math.ceil(out / case.workers) - 1) * max(sizes) * case.seconds


def expired_chunks(case: Case, max_workers: int, queue_timeout: float) -> tuple[int, int]:
    """Return the chunks of a job's main round that expire twice in the queue, and the chunks of that round.

    The simulated queue delivers messages in order, and a worker drops an expired message at once. A chunk that expired
    is sent once more, behind all others, and fails if it expires again.

    Args:
        case: the job and its fleet.
        max_workers: messages that may be out at the same time.
        queue_timeout: seconds after which a message expires.
    """
    *_, sizes = chunk_rounds(Case(frames=case.frames, workers=max_workers, seconds=case.seconds))
    rest = iter(sizes)
    waiting = deque((0.0, size, 1) for size in islice(rest, max_workers))
    # For each worker, the time when it is free, and whether it then reports a chunk.
    free = [(0.0, False)] * case.workers
    failed = 0
    while waiting:
        now, reports = free[0]
        # All messages have the same timeout, so the oldest expires first.
        while waiting and waiting[0][0] + queue_timeout <= now:
            sent, size, attempt = waiting.popleft()
            if attempt == 1:
                waiting.append((sent + queue_timeout, size, 2))
                continue
            failed += 1
            waiting.extend((sent + queue_timeout, size, 1) for size in islice(rest, 1))
        if reports:
            # After each result the Map sends the next chunk.
            waiting.extend((now, size, 1) for size in islice(rest, 1))
        if waiting:
            _, size, _ = waiting.popleft()
            heapq.heapreplace(free, (now + size * case.seconds, True))
    return failed, len(sizes)
