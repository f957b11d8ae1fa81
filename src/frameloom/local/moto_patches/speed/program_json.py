"""A parsed state machine as JSON, and back.

The JSON is a list of objects, `[class, {attribute: value}]`, whose first is the program. A value is a JSON value, or
`{"object": index}`, `{"enum": [class, value]}`, `{"set": [...]}` or `{"dict": [[key, value], ...]}`. A class must be
one of moto's parser that this process has imported, and no code runs when an object is made of it.
"""

import sys
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from moto.stepfunctions.parser.asl.component.program.program import Program

_PACKAGE = "moto.stepfunctions.parser."


def to_json(program: Any) -> list[Any]:
    """Return a parsed state machine as JSON values."""
    indexes: dict[int, int] = {}
    objects: list[Any] = []

    def encode(value: Any) -> Any:
        if isinstance(value, Enum):
            return {"enum": [_name(type(value)), value.value]}
        if value is None or isinstance(value, str | int | float):
            return value
        if isinstance(value, list):
            return [encode(item) for item in value]
        if isinstance(value, set):
            return {"set": [encode(item) for item in value]}
        if isinstance(value, dict):
            return {"dict": [[encode(key), encode(item)] for key, item in value.items()]}
        if id(value) not in indexes:
            # Before its attributes, which may refer to it.
            indexes[id(value)] = len(objects)
            objects.append([_name(type(value)), None])
            objects[indexes[id(value)]][1] = {name: encode(item) for name, item in vars(value).items()}
        return {"object": indexes[id(value)]}

    encode(program)
    return objects


def from_json(objects: Any, fill: Callable[[str], str]) -> Program:
    """Return a new program, with every string passed through `fill`.

    Raises:
        ValueError: `objects` is not a result of `to_json`.
    """
    try:
        made: list[Any] = [object.__new__(_class(name)) for name, _ in objects]
        for each, (_, attributes) in zip(made, objects, strict=True):
            vars(each).update({name: _decode(value, made, fill) for name, value in attributes.items()})
        program = made[0]
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(f"not a parsed state machine: {error!r}") from None
    if isinstance(program, Program):
        return program
    raise ValueError(f"not a parsed state machine but a {type(program).__name__}")


def _decode(value: Any, made: list[Any], fill: Callable[[str], str]) -> Any:
    found = value
    match value:
        case str():
            found = fill(value)
        case list():
            found = [_decode(item, made, fill) for item in value]
        case {"object": int() as index}:
            found = made[index]
        case {"enum": [str() as name, content]}:
            found = _enum(name)(content)
        case {"set": list() as items}:
            found = {_decode(item, made, fill) for item in items}
        case {"dict": list() as items}:
            found = {_decode(key, made, fill): _decode(item, made, fill) for key, item in items}
        case Mapping():
            raise ValueError("not a parsed state machine: a value has an unknown form")
    return found


def _name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _class(name: str) -> type:
    module, _, qualified = name.partition(":")
    if not module.startswith(_PACKAGE):
        raise ValueError(f"not a parsed state machine: {module} is not part of moto's parser")
    # Without an import: the parser's classes are all imported by now.
    found = getattr(sys.modules[module], qualified)
    if not isinstance(found, type) or found.__module__ != module:
        raise ValueError(f"not a parsed state machine: {name} is not a class")
    return found


def _enum(name: str) -> type[Enum]:
    found = _class(name)
    if issubclass(found, Enum):
        return found
    raise ValueError(f"not a parsed state machine: {name} is not an enumeration")
