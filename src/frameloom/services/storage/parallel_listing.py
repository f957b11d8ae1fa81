"""Listing a folder of many objects side by side.

S3 tells a thousand keys a call, and where a call begins is known when the one before it has been answered: a million
keys one after another take more than a minute. Ranges of keys do not wait for each other.
"""

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from frameloom.services.storage.ports import Store, StoredObject

# Keys in one answer of S3's.
PAGE = 1000
# Calls at once. More would only wait for the processor; a client keeps four times as many connections.
AT_ONCE = 8
# Ranges listed or waiting to be: what is in memory ahead of the reader.
_AHEAD = 2 * AT_ONCE


def list_between(store: Store, bucket: str, prefix: str, edges: Sequence[str]) -> Iterator[StoredObject]:
    """Yield what lies below `prefix` from the first of `edges` to the last, in the order of keys.

    What the first answer holds takes one call; what lies past it is listed from each edge to the next, side by side.

    Args:
        edges: keys below `prefix` in ascending order, of which nothing needs to be there. That keys are spread evenly
            between them makes it fast and nothing else.
    """
    # A listing begins after a key and not with it. What begins like this one and ends otherwise is left out below.
    begun = list(itertools.islice(store.list(bucket, prefix, after=edges[0][:-1]), PAGE))
    for stored in begun:
        if edges[0] <= stored.key <= edges[-1]:
            yield stored
    if len(begun) < PAGE or begun[-1].key >= edges[-1]:
        return
    past = begun[-1].key
    yield from _side_by_side(store, bucket, prefix, [past, *(edge for edge in edges if edge > past)])


def _side_by_side(store: Store, bucket: str, prefix: str, edges: Sequence[str]) -> Iterator[StoredObject]:
    """Yield what lies after the first of `edges`, up to the last."""
    pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="list")
    ahead: deque[Future[list[StoredObject]]] = deque()
    try:
        for after, last in itertools.pairwise(edges):
            ahead.append(pool.submit(_range, store, bucket, prefix, after, last))
            if len(ahead) == _AHEAD:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _range(store: Store, bucket: str, prefix: str, after: str, last: str) -> list[StoredObject]:
    found = []
    for stored in store.list(bucket, prefix, after=after):
        if stored.key <= last:
            found.append(stored)
        if stored.key >= last:
            # Not one further: it may be in the answer to another call.
            break
    return found
