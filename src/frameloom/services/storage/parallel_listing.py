"""Lists many objects in parallel, by ranges of keys.

S3 lists 1,000 keys in a call, and the start of a call is known once the previous call has returned: a million keys, one
call after the other, take more than a minute.
"""

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from frameloom.services.storage.ports import Store, StoredObject

# Keys in one response of S3.
PAGE = 1000
# Calls at once. More would only wait for the processor. A client has four times as many connections.
AT_ONCE = 8
# The limit of ranges that are listed or queued, and so of listed keys in memory.
_AHEAD = 2 * AT_ONCE


def list_between(store: Store, bucket: str, prefix: str, edges: Sequence[str]) -> Iterator[StoredObject]:
    """Yield the objects below `prefix` from the first of `edges` to the last, in the order of keys.

    The first call lists a page. The ranges between the edges after that page are listed in parallel.

    Args:
        edges: keys below `prefix` in ascending order, which need not exist. The more evenly they divide the keys, the
            faster is the listing.
    """
    # A listing starts after a key. A shorter key than the first edge includes that edge; other keys are filtered below.
    begun = list(itertools.islice(store.list(bucket, prefix, after=edges[0][:-1]), PAGE))
    for stored in begun:
        if edges[0] <= stored.key <= edges[-1]:
            yield stored
    if len(begun) < PAGE or begun[-1].key >= edges[-1]:
        return
    past = begun[-1].key
    yield from _side_by_side(store, bucket, prefix, [past, *(edge for edge in edges if edge > past)])


def _side_by_side(store: Store, bucket: str, prefix: str, edges: Sequence[str]) -> Iterator[StoredObject]:
    """Yield the objects after the first of `edges`, up to the last."""
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
            # The next page belongs to the next range.
            break
    return found
