"""The machine as a Mermaid chart for a Markdown page."""

import re
from collections.abc import Iterator
from typing import Any

BEGIN = "<!-- state machine: begin -->"
END = "<!-- state machine: end -->"

_TESTS = {"NumericGreaterThan": "{subject} > {value}", "StringEquals": "{subject} = {value}", "IsPresent": "{subject}"}
_SHAPES = {"Choice": "{{{name}}}", "Succeed": "([{name}])", "Fail": "([{name}])"}


def picture(machine: dict[str, Any]) -> str:
    """Return a Mermaid flowchart of a state machine: solid arrows are transitions, dotted arrows are errors."""
    return "\n".join(["flowchart TD", *_inside(machine)]) + "\n"


def embed(page: str, machine: dict[str, Any]) -> str:
    """Return the page with the chart between its two markers; a page without markers stays the same."""
    fenced = f"{BEGIN}\n```mermaid\n{picture(machine)}```\n{END}"
    return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: fenced, page, flags=re.DOTALL)


def _inside(machine: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a machine or of a Map's item processor.

    Mermaid places earlier lines higher, so each state is followed by its arrows, and errors come last.
    """
    states: dict[str, dict[str, Any]] = machine["States"]
    for name, state in states.items():
        yield from (f"    {line}" for line in _node(name, state))
        for arrow, target in _arrows(state):
            yield f"    {name} {arrow} {_entry(target, states[target])}"
    for (errors, target), sources in _errors(states).items():
        yield f'    {" & ".join(sources)} -. "{errors}" .-> {target}'


def _node(name: str, state: dict[str, Any]) -> Iterator[str]:
    if state["Type"] != "Map":
        yield name + _SHAPES.get(state["Type"], "[{name}]").format(name=name)
        return
    processor = state["ItemProcessor"]
    mode = processor["ProcessorConfig"]["Mode"].lower()
    yield f'subgraph {name}["{name}: {mode} Map"]'
    yield from _inside(processor)
    yield "end"


def _entry(name: str, state: dict[str, Any]) -> str:
    """Return the target of an arrow into a state: for a Map, the first state of its items."""
    return str(state["ItemProcessor"]["StartAt"]) if state["Type"] == "Map" else name


def _arrows(state: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for choice in state.get("Choices", []):
        (operator,) = choice.keys() & _TESTS.keys()
        subject = choice["Variable"].rsplit(".", 1)[-1]
        test = _TESTS[operator].format(subject=subject, value=choice[operator])
        yield f'-- "{test}" -->', choice["Next"]
    if "Default" in state:
        yield '-- "otherwise" -->', state["Default"]
    if "Next" in state:
        yield "-->", state["Next"]


def _errors(states: dict[str, dict[str, Any]]) -> dict[tuple[str, str], list[str]]:
    """Return the source states for each pair of errors and target state."""
    sources: dict[tuple[str, str], list[str]] = {}
    for name, state in states.items():
        for catch in state.get("Catch", []):
            errors = "any error" if catch["ErrorEquals"] == ["States.ALL"] else "<br>".join(catch["ErrorEquals"])
            sources.setdefault((errors, catch["Next"]), []).append(name)
    return sources
