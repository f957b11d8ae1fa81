"""The machine as Amazon States Language, always in the same order."""

import json
from collections.abc import Iterator
from typing import Any

from statemachine.definition import render_job

# What a reader asks first: what kind of state, why, what it calls with what, what can fail, where it goes.
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
    """Return the state machine as its JSON object, states in the order in which a job meets them."""
    return _ordered_machine(render_job().to_dict())


def document() -> str:
    """Return the text of render_job.asl.json."""
    return json.dumps(machine(), indent=2, ensure_ascii=False) + "\n"


def _ordered_machine(graph: dict[str, Any]) -> dict[str, Any]:
    states = {name: _ordered_state(graph["States"][name]) for name in _as_a_job_meets_them(graph)}
    return _by_field({**graph, "States": states})


def _ordered_state(state: dict[str, Any]) -> dict[str, Any]:
    if "ItemProcessor" in state:
        state = {**state, "ItemProcessor": _ordered_machine(state["ItemProcessor"])}
    return _by_field(state)


def _as_a_job_meets_them(graph: dict[str, Any]) -> Iterator[str]:
    """Yield the states' names: the way of a job that goes well first, then where errors lead."""
    seen: set[str] = set()
    errors_lead_to: list[str] = []

    def walk(name: str) -> Iterator[str]:
        if name in seen:
            return
        seen.add(name)
        yield name
        state = graph["States"][name]
        errors_lead_to.extend(catch["Next"] for catch in state.get("Catch", []))
        for choice in state.get("Choices", []):
            yield from walk(choice["Next"])
        for field in ("Default", "Next"):
            if field in state:
                yield from walk(state[field])

    yield from walk(graph["StartAt"])
    for name in errors_lead_to:  # grows as the walk meets more states
        yield from walk(name)


def _by_field(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields in this file's order; one that it does not list is a KeyError of `index`'s making."""
    return {name: fields[name] for name in sorted(fields, key=_FIELDS.index)}
