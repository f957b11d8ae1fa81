"""Faults of a state machine that no validator sees and AWS reports only once a job has met them.

Each check takes a state machine as its JSON object and returns a sentence for each fault.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Machine = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A state, its name, and whether an EXPRESS execution runs it."""

    name: str
    state: dict[str, Any]
    express: bool


def item_reader_in_an_inline_map(machine: Machine) -> list[str]:
    """Only a distributed Map reads its items from S3; an inline one fails when it is entered."""
    return [
        f"{placed.name}: ItemReader in an inline Map"
        for placed in every_state(machine)
        if "ItemReader" in placed.state and _processor_config(placed.state).get("Mode") != "DISTRIBUTED"
    ]


def heartbeat_not_below_timeout(machine: Machine) -> list[str]:
    """A task's heartbeat must be shorter than its timeout, or it can never end the task."""
    return [
        f"{placed.name}: {field} is not below the time-out"
        for placed in every_state(machine)
        for field in ("HeartbeatSeconds", "HeartbeatSecondsPath")
        if field in placed.state and not _shorter(placed.state, field)
    ]


def retriers_after_a_catch_all(machine: Machine) -> list[str]:
    """Retriers and catchers are read in order, so one after States.ALL is never reached."""
    problems = []
    for placed in every_state(machine):
        for field in ("Retry", "Catch"):
            rules = placed.state.get(field, [])
            catch_all = [i for i, rule in enumerate(rules) if "States.ALL" in rule["ErrorEquals"]]
            if catch_all and catch_all[0] != len(rules) - 1:
                problems.append(f"{placed.name}: {field} goes on after States.ALL")
    return problems


def retriers_that_repeat_an_error(machine: Machine) -> list[str]:
    """The first retrier with an error's name is used, so a later one with the same name is not."""
    problems = []
    for placed in every_state(machine):
        seen: set[str] = set()
        for retrier in placed.state.get("Retry", []):
            problems += [f"{placed.name}: {name} is in two retriers" for name in retrier["ErrorEquals"] if name in seen]
            seen |= set(retrier["ErrorEquals"])
    return problems


def token_missing_from_the_message(machine: Machine) -> list[str]:
    """A task that waits for its token, but never hands it out, waits until it times out."""
    return [
        f"{placed.name}: the task token is passed to no task"
        for placed in every_state(machine)
        if _waits_for_a_token(placed.state) and "$$.Task.Token" not in set(_strings(placed.state.get("Parameters", {})))
    ]


def token_inside_express(machine: Machine) -> list[str]:
    """An EXPRESS execution cannot wait for a task token."""
    return [
        f"{placed.name}: waits for a task token in an EXPRESS execution"
        for placed in every_state(machine)
        if placed.express and _waits_for_a_token(placed.state)
    ]


def lambda_without_a_function(machine: Machine) -> list[str]:
    """`lambda:invoke` needs FunctionName, as itself or as a path."""
    return [
        f"{placed.name}: invokes no function"
        for placed in every_state(machine)
        if ":lambda:invoke" in placed.state.get("Resource", "")
        and not {"FunctionName", "FunctionName.$"} & placed.state.get("Parameters", {}).keys()
    ]


CHECKS: tuple[Callable[[Machine], list[str]], ...] = (
    item_reader_in_an_inline_map,
    heartbeat_not_below_timeout,
    retriers_after_a_catch_all,
    retriers_that_repeat_an_error,
    token_missing_from_the_message,
    token_inside_express,
    lambda_without_a_function,
)


def every_state(machine: Machine, *, express: bool = False) -> Iterator[Placed]:
    """Yield the states of a machine, of its Maps and of its branches."""
    for name, state in machine["States"].items():
        yield Placed(name=name, state=state, express=express)
        inside = express or _processor_config(state).get("ExecutionType") == "EXPRESS"
        for field in ("ItemProcessor", "Iterator"):
            if field in state:
                yield from every_state(state[field], express=inside)
        for branch in state.get("Branches", []):
            yield from every_state(branch, express=express)


def _processor_config(state: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = state.get("ItemProcessor", {}).get("ProcessorConfig", {})
    return config


def _waits_for_a_token(state: dict[str, Any]) -> bool:
    return str(state.get("Resource", "")).endswith(".waitForTaskToken")


def _shorter(state: dict[str, Any], heartbeat: str) -> bool:
    """Return whether a heartbeat can be below its task's timeout; the model checks values from the input."""
    limit = heartbeat.replace("Heartbeat", "Timeout")
    if limit not in state:
        # A limit of the other kind cannot be compared; none at all is years, by which AWS means for ever.
        return True
    if heartbeat.endswith("Path"):
        return bool(state[heartbeat] != state[limit])
    return bool(state[heartbeat] < state[limit])


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def retries(state: dict[str, Any], error: str) -> int:
    """Return how often Step Functions tries again."""
    found = retrier(state, error)
    return 0 if found is None else int(found["MaxAttempts"])


def retrier(state: dict[str, Any], error: str) -> dict[str, Any] | None:
    """Return the retrier that decides about an error: the first that names it."""
    wildcards = {"States.ALL", "States.TaskFailed"} if error != "States.Timeout" else {"States.ALL"}
    return next((each for each in state["Retry"] if {error, *wildcards} & set(each["ErrorEquals"])), None)
