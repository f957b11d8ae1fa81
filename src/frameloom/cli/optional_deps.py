"""Packages that some commands need in addition, and the error if they are not installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from frameloom.model.errors import FarmUnavailable

# The packages of each extra. Another missing module is a bug, and keeps its traceback.
PACKAGES = {"fleet": ("kubernetes", "matplotlib")}


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Turn a missing package into an error with the command that installs it.

    Raises:
        FarmUnavailable: a package of the extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in PACKAGES[name]:
            raise
        raise FarmUnavailable(
            problem=f"The package {package!r} is not installed here: `make env` in the checkout installs it."
        ) from None
