from itertools import islice, pairwise

from hypothesis import given
from hypothesis import strategies as st

from frameloom.model.backoff import delays

SECONDS = st.floats(min_value=0.001, max_value=1e6)
COUNTS = st.integers(min_value=1, max_value=2000)


def limits(*, first: float, longest: float, count: int) -> list[float]:
    return list(islice(delays(first=first, longest=longest, uniform=lambda _low, high: high), count))


@given(first=SECONDS, longest=SECONDS, count=COUNTS)
def test_the_limit_doubles_up_to_the_longest_delay(first: float, longest: float, count: int) -> None:
    found = limits(first=first, longest=longest, count=count)

    assert found[0] == min(first, longest)
    assert all(after == min(2 * before, longest) for before, after in pairwise(found))


@given(first=SECONDS, longest=SECONDS, count=COUNTS)
def test_each_delay_lies_between_zero_and_its_limit(first: float, longest: float, count: int) -> None:
    found = islice(delays(first=first, longest=longest), count)
    most = limits(first=first, longest=longest, count=count)

    assert all(0 <= delay <= limit for delay, limit in zip(found, most, strict=True))


def test_ten_thousand_clients_that_fail_together_return_spread_over_the_whole_delay() -> None:
    fourth = [next(islice(delays(first=1, longest=60), 3, None)) for _ in range(10_000)]

    # 8 seconds in slots of half a second: 625 clients each on average. Without jitter, one slot has all 10,000.
    slots = [sum(int(2 * delay) == slot for delay in fourth) for slot in range(16)]
    assert max(slots) < 2 * 625
    assert min(slots) > 625 / 2
