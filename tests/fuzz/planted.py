"""A fault behind five comparisons. Random input finds it once in 2^40 runs, coverage guidance in thousands."""


class PlantedError(Exception):
    """An error that no reader declares."""


def check(data: bytes) -> None:
    """Accept any bytes that do not start with b"fault"."""
    # Each comparison that succeeds executes the next one, which coverage shows.
    if len(data) > 4 and data[0] == 0x66 and data[1] == 0x61 and data[2] == 0x75 and data[3] == 0x6C:  # noqa: SIM102
        if data[4] == 0x74:
            raise PlantedError(data)
