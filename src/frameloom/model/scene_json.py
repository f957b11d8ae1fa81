"""The facts about a scene as JSON: a worker's Blender writes them where PrepareJob cannot read a file itself."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter

from frameloom.model.scene import SceneFacts


@cache
def _adapter() -> TypeAdapter[SceneFacts]:
    return TypeAdapter(SceneFacts)


def facts_to_json(facts: SceneFacts) -> dict[str, Any]:
    """Return the facts as JSON types, without fields that have their default."""
    document: dict[str, Any] = _adapter().dump_python(facts, mode="json", exclude_defaults=True)
    return document


def facts_from_json(document: object) -> SceneFacts:
    """Return the facts in a document; unknown fields of a newer version are ignored.

    Raises:
        ValueError: the document has no such facts.
    """
    return _adapter().validate_python(document)
