"""The contents of a stack as text."""

import pytest

from frameloom.aws.purge import Contents
from frameloom.cli.stack.inventory import amount


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (Contents(objects=0, size=0), "0 objects, 0 bytes"),
        (Contents(objects=12_345, size=999), "12,345 objects, 999 bytes"),
        (Contents(objects=2, size=1_500), "2 objects, 1.5 kB"),
        (Contents(objects=100_000, size=52_100_000_000, more=True), "more than 100,000 objects, 52.1 GB"),
        (Contents(objects=1, size=5 * 10**15), "1 object, 5,000.0 TB"),
    ],
)
def test_an_amount_has_a_number_and_a_size(held: Contents, said: str) -> None:
    assert amount(held) == said
