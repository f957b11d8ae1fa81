"""The base class of all values that are sent or stored as JSON."""

from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from frameloom.model.errors import InvalidRequest


def known(kind: type[StrEnum]) -> BeforeValidator:
    """Return a validator that reads members of newer versions as None."""

    def read(value: Any) -> StrEnum | None:
        try:
            return kind(value)
        except ValueError:
            return None

    return BeforeValidator(read)


class Value(BaseModel):
    """A frozen value with a fixed set of fields, read from JSON and written to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> dict[str, Any]:
        """Return the value as JSON types, without fields that are None."""
        return self.model_dump(mode="json", exclude_none=True)

    @classmethod
    def read(cls, data: object) -> Self:
        """Return `data` as a value.

        Raises:
            InvalidRequest: a field is wrong; the message names the first one and the values that it takes.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(map(str, first["loc"])) or cls.__name__
            raise InvalidRequest(field=field, problem=_problem(cls, first).rstrip(".")) from None


# The values that a field takes, by pydantic's type of error; names in braces are facts of the error.
_WHOLE = ("int_parsing", "int_parsing_size", "int_from_float", "int_type", "finite_number")
_TAKES = {
    **dict.fromkeys(_WHOLE, "a whole number"),
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "literal_error": "{expected}",
    "string_type": "text",
    "model_type": "an object with the fields {fields}",
}
# A longer value is cut in messages.
_SHOWN = 60


def _problem(kind: type[BaseModel], error: ErrorDetails) -> str:
    """Return the problem of a field of a `kind` as a phrase: the values that the field takes, and the given value."""
    if error["type"] == "extra_forbidden":
        import difflib  # noqa: PLC0415  few requests have an unknown field, and each Lambda imports this module

        fields = _fields(kind, error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1]).lower(), fields, n=1)
        return f"is not a field{''.join(f', but {name!r} is' for name in near)}; the fields are {', '.join(fields)}"
    if error["type"] not in _TAKES:
        # pydantic puts "Value error, " before the messages of our validators.
        return error["msg"].removeprefix("Value error, ")
    facts = error.get("ctx", {}) | {"fields": ", ".join(_fields(kind, error["loc"]))}
    given = repr(error["input"])
    if error["type"].endswith("_equal"):
        # Numbers from the command line and from metadata are text.
        given = given.strip("'")
    given = given if len(given) <= _SHOWN else f"{given[:_SHOWN]}..."
    return f"takes {_TAKES[error['type']].format_map(facts)}, not {given}"


def _fields(kind: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Return the fields of the value at `path` inside a `kind`."""
    for name in path:
        # The path holds the indexes of list items too, which are not fields.
        field = kind.model_fields.get(str(name))
        inner = None if field is None else field.annotation
        kind = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else kind
    return list(kind.model_fields)
