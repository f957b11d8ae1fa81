"""Turns errors of AWS into errors of the farm, so that a caller needs to know one tree of errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from frameloom.model.errors import FarmUnavailable

# The packages whose errors are those of AWS. They are recognized by name, since importing them takes half a second.
_AWS = {"boto3", "botocore", "s3transfer"}
# Remedies for errors of boto3's own configuration, by the names of their classes.
_REMEDIES = {
    "NoRegionError": "set AWS_DEFAULT_REGION, or a region in your AWS profile",
    "NoCredentialsError": "run `aws configure`, or set AWS_PROFILE",
}


def is_aws_error(error: BaseException) -> bool:
    """Return whether an error comes from boto3 or its parts."""
    return type(error).__module__.partition(".")[0] in _AWS


def aws_sentence(error: BaseException) -> str:
    """Return the message of an AWS error as a sentence, with a remedy if one is known."""
    message = str(error).rstrip(".")
    remedy = _REMEDIES.get(type(error).__name__)
    return f"{message}." if remedy is None else f"{message}: {remedy}."


@contextmanager
def farm_errors() -> Iterator[None]:
    """Raise FarmUnavailable where AWS refuses a call or cannot be reached; a context manager and a decorator.

    Raises:
        FarmUnavailable: with the message of AWS.
    """
    try:
        yield
    except Exception as error:
        if not is_aws_error(error):
            raise
        raise FarmUnavailable(problem=aws_sentence(error)) from error
