"""The output of `frameloom stack list`: the Frameloom stacks of this account and region, with their activity."""

from dataclasses import asdict
from typing import Any

from frameloom.aws.clients import client
from frameloom.aws.stack import ListedStack, list_stacks
from frameloom.aws.stack_activity import read_activity
from frameloom.cli.output import tell_json
from frameloom.cli.terminal import say, warn

_HEAD = ("STACK", "STATUS", "JOBS", "WAITING", "IN FLIGHT", "CREATED")
_UNKNOWN = "-"


def show(*, json: bool) -> None:
    """Print the stacks, and a warning for each whose figures are unknown.

    Raises:
        FarmUnavailable: the stacks cannot be listed.
    """
    stacks = [_facts(each) for each in list_stacks()]
    region = client("cloudformation").meta.region_name
    for stack in stacks:
        if stack["problem"] is not None:
            warn(f"frameloom: The stack {stack['name']!r}: {stack['problem']}")
    if json:
        tell_json({"region": region, "stacks": stacks})
    elif stacks:
        say(*_table([_HEAD, *map(_cells, stacks)]))
    else:
        say(f"There are no Frameloom stacks in {region}.")


def _facts(stack: ListedStack) -> dict[str, Any]:
    """Return a stack's facts for the JSON document."""
    facts = {"name": stack.name, "status": stack.status, "created": stack.created.isoformat()}
    # Without outputs, the stack has no farm: its creation has failed or goes on.
    unknown = {"running_jobs": None, "queue": None, "problem": None}
    return facts | (unknown if stack.farm is None else asdict(read_activity(stack.farm)))


def _cells(stack: dict[str, Any]) -> tuple[str, ...]:
    queue = stack["queue"] or {"waiting": None, "in_flight": None}
    figures = (stack["running_jobs"], queue["waiting"], queue["in_flight"])
    created = stack["created"][:19].replace("T", " ")
    return (stack["name"], stack["status"], *(_UNKNOWN if each is None else f"{each:,}" for each in figures), created)


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
