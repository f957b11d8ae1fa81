"""What every value that crosses a wire has in common."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from frameloom.model.errors import InvalidRequest


class Value(BaseModel):
    """A frozen value with a fixed set of fields, read from JSON and written to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> dict[str, Any]:
        """Return the value as JSON's own types, without what is not set."""
        return self.model_dump(mode="json", exclude_none=True)

    @classmethod
    def read(cls, data: object) -> Self:
        """Return the value that `data` holds.

        Raises:
            InvalidRequest: naming the first field that is wrong, and what it takes.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            # "Value error, " is what pydantic puts before the words of our own validators.
            problem = first["msg"].removeprefix("Value error, ")
            if first["type"] == "extra_forbidden":
                problem = f"there is no such field; the fields are {', '.join(_fields(cls, first['loc'][:-1]))}"
            field = ".".join(map(str, first["loc"])) or cls.__name__
            raise InvalidRequest(field=field, problem=problem.rstrip(".")) from None


def _fields(kind: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Return the fields of the value at `path` inside a `kind`."""
    for name in path:
        inner = kind.model_fields[str(name)].annotation
        kind = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else kind
    return list(kind.model_fields)
