"""How a patch gets into moto."""

from collections.abc import Callable
from typing import Any


def replace(owner: Any, name: str, patch: Callable[[Any], Any]) -> None:
    """Replace an attribute of one of moto's classes or modules by `patch(attribute)`."""
    setattr(owner, name, patch(getattr(owner, name)))


def replace_created(model: Any, patch: Callable[[Any], Any]) -> None:
    """Replace the function with which CloudFormation creates a resource of one of moto's classes."""
    # The original is bound to the class already, so the replacement must not be bound again.
    replace(model, "create_from_cloudformation_json", lambda original: staticmethod(patch(original)))


def add_property(model: Any, name: str, patch: Callable[[Any], Any]) -> None:
    """Add a property that one of moto's classes lacks; `patch(instance)` is its value."""
    setattr(model, name, property(patch))
