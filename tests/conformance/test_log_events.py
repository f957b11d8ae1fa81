"""Programs read the events of a worker's log: each event is written, and nothing reads a sentence."""

import ast
from collections.abc import Collection, Iterator
from pathlib import Path

from frameloom.model.log_event import LogEvent
from tests.conformance.toolbox import ROOT

LEVELS = {"debug", "info", "warning", "error"}
# The readers of a worker's log: the product, its benchmarks and the helpers of its tests.
READERS = ("src", "functions", "benchmarks", "tools", "tests/e2e", "tests/chaos", "tests/integration")


def trees(*folders: str, holding: Collection[str] = ("",)) -> Iterator[tuple[Path, ast.Module]]:
    """Yield the parsed modules below `folders` that hold at least one of some texts."""
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if any(each in text for each in holding):
                yield path, ast.parse(text)


def log_calls() -> list[ast.Call]:
    """Return the worker's calls `log.info(EVENT, SENTENCE, ...)`."""
    calls = [node for _, tree in trees("worker") for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        call
        for call in calls
        if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "log" and call.func.attr in LEVELS
    ]


def events_in(folder: str) -> set[str]:
    nodes = [node for _, tree in trees(folder) for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return {node.attr for node in nodes if ast.unparse(node.value) == "LogEvent"}


def sentences() -> set[str]:
    """Return the events in the worker's calls that log."""
    found = set()
    for _, tree in trees("worker"):
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            names_event = any(ast.unparse(each).startswith("LogEvent.") for each in call.args)
            texts = [each.value for each in call.args if isinstance(each, ast.Constant)] if names_event else []
            found |= {text for text in texts if isinstance(text, str)}
    return found


def test_each_event_is_written_by_the_worker() -> None:
    assert events_in("worker") == {event.name for event in LogEvent}


def test_each_log_call_of_the_worker_names_its_event() -> None:
    calls = log_calls()
    assert len(calls) >= len(LogEvent) - 2
    unnamed = [ast.unparse(call) for call in calls if not ast.unparse(call.args[0]).startswith(("LogEvent.", "event"))]
    assert unnamed == []


def test_nothing_that_reads_a_workers_log_knows_a_sentence_of_it() -> None:
    known = sentences()
    assert len(known) >= len(LogEvent) - 2
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for path, tree in trees(*READERS, holding=known)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in known
    ]
    assert found == []
