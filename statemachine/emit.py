"""The machine as Amazon States Language, in a fixed order."""

import json
from collections.abc import Iterator
from typing import Any

from statemachine.definition import render_job

# In the order of a reader's questions: the state's type and purpose, its call, its errors, its next state.
_FIELDS = (
    "Comment",
    "ProcessorConfig",
    "StartAt",
    "States",
    "Type",
    "Label",
    "Resource",
    "InputPath",
    "ItemReader",
    "ItemsPath",
    "ItemSelector",
    "MaxConcurrency",
    "MaxConcurrencyPath",
    "Parameters",
    "ResultSelector",
    "ResultPath",
    "OutputPath",
    "HeartbeatSecondsPath",
    "TimeoutSeconds",
    "TimeoutSecondsPath",
    "ItemProcessor",
    "ResultWriter",
    "Retry",
    "Catch",
    "Choices",
    "Default",
    "ErrorPath",
    "CausePath",
    "Next",
    "End",
)


def machine() -> dict[str, Any]:
    """Return the state machine as its JSON object, with the states in the order of a job."""
    return _ordered_machine(render_job().to_dict())


def document() -> str:
    """Return the text of render_job.asl.json."""
    return json.dumps(machine(), indent=2, ensure_ascii=False) + "\n"


def _ordered_machine(graph: dict[str, Any]) -> dict[str, Any]:
    states = {name: _ordered_state(graph["States"][name]) for name in _in_job_order(graph)}
    return _by_field({**graph, "States": states})


def _ordered_state(state: dict[str, Any]) -> dict[str, Any]:
    if "ItemProcessor" in state:
        state = {**state, "ItemProcessor": _ordered_machine(state["ItemProcessor"])}
    return _by_field(state)


def _in_job_order(graph: dict[str, Any]) -> Iterator[str]:
    """Yield the states' names: first the states of a successful job, then the targets of errors."""
    seen: set[str] = set()
    error_targets: list[str] = []

    def walk(name: str) -> Iterator[str]:
        if name in seen:
            return
        seen.add(name)
        yield name
        state = graph["States"][name]
        error_targets.extend(catch["Next"] for catch in state.get("Catch", []))
        for choice in state.get("Choices", []):
            yield from walk(choice["Next"])
        for field in ("Default", "Next"):
            if field in state:
                yield from walk(state[field])

    yield from walk(graph["StartAt"])
    for name in error_targets:  # the walk appends to it
        yield from walk(name)


def _by_field(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields in the order of `_FIELDS`.

    Raises:
        ValueError: `_FIELDS` lacks a field.
    """
    return {name: fields[name] for name in sorted(fields, key=_FIELDS.index)}
