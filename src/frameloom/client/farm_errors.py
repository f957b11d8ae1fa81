"""Turns errors of AWS into errors of the farm, so that a caller needs to know one tree of errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from frameloom.model.errors import FarmUnavailable

# The packages whose errors are those of AWS. They are recognized by name, since importing them takes half a second.
_AWS = {"boto3", "botocore", "s3transfer"}


@contextmanager
def farm_errors() -> Iterator[None]:
    """Raise FarmUnavailable where AWS refuses a call or cannot be reached; a context manager and a decorator.

    Raises:
        FarmUnavailable: with the message of AWS.
    """
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in _AWS:
            raise
        raise FarmUnavailable(problem=f"{str(error).rstrip('.')}.") from error
