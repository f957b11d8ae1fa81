"""How a mend gets into moto."""

from collections.abc import Callable
from typing import Any


def replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Put `make(what is there)` in the place of an attribute of one of moto's classes or modules."""
    setattr(owner, name, make(getattr(owner, name)))


def replace_created(model: Any, make: Callable[[Any], Any]) -> None:
    """Put `make(what is there)` in the place of how CloudFormation creates a resource of one of moto's classes."""
    # Bound to the class already, so what takes its place must not be bound again.
    replace(model, "create_from_cloudformation_json", lambda original: staticmethod(make(original)))
