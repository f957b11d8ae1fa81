"""What a command needs beyond the command line itself, and the sentence for one who has not installed it."""

from collections.abc import Iterator
from contextlib import contextmanager

from frameloom.model.errors import FarmUnavailable

# Which packages an extra brings in; that one of ours is missing is a bug, and shows as one.
PACKAGES = {"fleet": ("kubernetes", "matplotlib")}


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Turn a package that is missing into a sentence that says how to have it.

    Raises:
        FarmUnavailable: with the sentence.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in PACKAGES[name]:
            raise
        raise FarmUnavailable(
            problem=f"The package {package!r} is not installed here: `make env` in the checkout brings it."
        ) from None
