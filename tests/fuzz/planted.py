"""A fault behind five comparisons: chance meets it once in 2^40 inputs, who is guided by coverage within thousands."""


class PlantedError(Exception):
    """No reader declares this one."""


def check(data: bytes) -> None:
    """Take any bytes, except for one beginning: b"fault"."""
    # Each comparison that holds opens the way to the next, and that is what coverage sees.
    if len(data) > 4 and data[0] == 0x66 and data[1] == 0x61 and data[2] == 0x75 and data[3] == 0x6C:  # noqa: SIM102
        if data[4] == 0x74:
            raise PlantedError(data)
