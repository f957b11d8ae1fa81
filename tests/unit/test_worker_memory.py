"""When Blender must be ended for the memory that its container has left."""

import pytest

from frameloom.services.system.memory import MEBIBYTE, Memory
from worker.memory import is_scarce, is_short


@pytest.mark.parametrize(
    ("limit", "left", "short"),
    [
        (1024, 129, False), (1024, 127, True),
        (6144, 310, False), (6144, 300, True),
        (200_000, 1100, False), (200_000, 1000, True),
    ],
)  # fmt: skip
def test_memory_is_short_below_a_twentieth_of_the_limit_within_bounds(limit: int, left: int, short: bool) -> None:  # noqa: FBT001
    memory = Memory(limit=limit * MEBIBYTE, used=(limit - left) * MEBIBYTE)
    assert is_short(memory) is short
    assert is_scarce(memory)


def test_memory_is_scarce_below_four_times_the_least() -> None:
    assert is_scarce(Memory(limit=1024 * MEBIBYTE, used=513 * MEBIBYTE))
    assert not is_scarce(Memory(limit=1024 * MEBIBYTE, used=511 * MEBIBYTE))
