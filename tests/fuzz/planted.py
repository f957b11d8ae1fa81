"""A fault behind five comparisons: random input reaches it once in 2^40 inputs, a coverage-guided fuzzer within
thousands.
"""


class PlantedError(Exception):
    """No reader declares this error."""


def check(data: bytes) -> None:
    """Accept any bytes, except for one prefix: b"fault"."""
    # Each successful comparison leads to new code, which coverage shows.
    if len(data) > 4 and data[0] == 0x66 and data[1] == 0x61 and data[2] == 0x75 and data[3] == 0x6C:  # noqa: SIM102
        if data[4] == 0x74:
            raise PlantedError(data)
