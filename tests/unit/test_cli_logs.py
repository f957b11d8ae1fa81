"""`frameloom logs`, on a farm in memory."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from frameloom.model import keys
from frameloom.model.job_status import JobStatus
from frameloom.model.messages import LogRecord
from frameloom.services.read_log import JobLog
from frameloom.testing import MemoryExecutions, MemoryStore
from tests.jobs import BUCKETS
from tests.unit.memory_farm import MemoryFarm, Terminal

JOB = "shot-1"


def put(store: MemoryStore, worker: str, part: int, *records: dict[str, Any]) -> None:
    lines = [
        LogRecord(**{"level": "info", "worker": worker, "job_id": JOB, "chunk_id": "1-0"} | each) for each in records
    ]
    text = "".join(line.model_dump_json(exclude_none=True) + "\n" for line in lines)
    store.put(BUCKETS.logs, keys.log_part_key(JOB, worker, f"{part:020d}"), text.encode())


def at(second: int, message: str, **fields: Any) -> dict[str, Any]:
    return {"time": f"2026-11-23T06:00:{second:02d}.000+00:00", "message": message, **fields}


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal whose farm has a job that two workers rendered."""
    farm = MemoryFarm(image=b"")
    farm.executions.start(JOB, {})
    farm.executions.end(JOB, JobStatus.SUCCEEDED)
    put(farm.store, "w-1", 1, at(1, "Chunk received", facts={"attempt": 0}), at(4, "Frame rendering", frame=7))
    put(farm.store, "w-1", 2, at(6, "Chunk failed", level="error", facts={"error": "RenderCrashed"}))
    put(farm.store, "w-2", 1, at(2, "Chunk received"), at(5, "Frame rendering", frame=8))
    put(farm.store, "w-22", 1, at(3, "Beat missed", level="warning"))
    return Terminal(capsys, monkeypatch, farm)


def messages(text: str) -> list[str]:
    return [json.loads(line)["message"] for line in text.splitlines()]


def test_the_lines_of_all_workers_are_in_the_order_of_time(terminal: Terminal) -> None:
    ran = terminal.run("logs", JOB)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "2026-11-23 06:00:01.000  w-1  Chunk received chunk=1-0 attempt=0",
        "2026-11-23 06:00:02.000  w-2  Chunk received chunk=1-0",
        "2026-11-23 06:00:03.000  w-22  Beat missed chunk=1-0",
        "2026-11-23 06:00:04.000  w-1  Frame rendering frame=7 chunk=1-0",
        "2026-11-23 06:00:05.000  w-2  Frame rendering frame=8 chunk=1-0",
        "2026-11-23 06:00:06.000  w-1  Chunk failed chunk=1-0 error=RenderCrashed",
    ]


def test_the_lines_of_one_frame_or_one_worker_can_be_selected(terminal: Terminal) -> None:
    assert messages(terminal.run("logs", JOB, "--frame", "7", "--json").out) == ["Frame rendering"]
    assert messages(terminal.run("logs", JOB, "--worker", "w-2", "--json").out) == ["Chunk received", "Frame rendering"]


def test_json_has_one_document_on_each_line(terminal: Terminal) -> None:
    (line,) = terminal.run("logs", JOB, "--frame", "8", "--json").out.splitlines()
    document = json.loads(line)
    assert (document["worker"], document["frame"], document["chunk_id"]) == ("w-2", 8, "1-0")


def test_a_log_is_found_by_the_first_characters_of_its_jobs_id(terminal: Terminal) -> None:
    assert terminal.run("logs", "sh").out == terminal.run("logs", JOB).out


@pytest.mark.parametrize("options", [(), ("--follow",), ("--json",)])
def test_an_unknown_job_is_refused(terminal: Terminal, options: tuple[str, ...]) -> None:
    ran = terminal.run("logs", "shot-else", *options)
    assert (ran.code, ran.err) == (2, "frameloom: JOB: the farm knows of no job 'shot-else'.\n")


def test_a_job_that_step_functions_has_forgotten_still_has_its_log(terminal: Terminal) -> None:
    terminal.farm.executions._jobs.clear()
    assert len(terminal.run("logs", JOB).out.splitlines()) == 6


def test_a_job_without_a_log_prints_nothing(terminal: Terminal) -> None:
    terminal.farm.executions.start("shot-new", {})
    terminal.farm.executions.end("shot-new", JobStatus.CANCELED)
    ran = terminal.run("logs", "shot-new")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_a_terminal_gets_colours_by_level(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" not in terminal.run("logs", JOB).out
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    lines = terminal.run("logs", JOB).out.splitlines()
    assert ["\x1b[33m" in line for line in lines] == [False, False, True, False, False, False]
    assert ["\x1b[31m" in line for line in lines] == [False, False, False, False, False, True]


def test_control_characters_in_blenders_output_do_nothing_to_the_terminal(terminal: Terminal) -> None:
    put(terminal.farm.store, "w-1", 3, at(7, "\x1b[2J\nFra:1 [bold]", level="debug"))
    last = terminal.run("logs", JOB).out.splitlines()[-1]
    assert last.endswith("w-1  \\x1b[2J\\nFra:1 [bold] chunk=1-0")


def follow(*script: Callable[[MemoryStore, MemoryExecutions], object]) -> tuple[list[list[str]], list[float]]:
    """Follow a job while a script of what happens to it goes by, a step in each pause."""
    store, executions = MemoryStore(), MemoryExecutions()
    executions.start(JOB, {})
    steps, pauses = iter(script), list[float]()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        next(steps)(store, executions)

    log = JobLog(JOB, store=store, buckets=BUCKETS)
    looks = log.follow(JOB, executions, clock=lambda: 0.0, pause=pause)
    return [[record.message for record in records] for records in looks], pauses


def test_a_log_is_followed_to_its_last_piece_and_no_line_is_shown_twice() -> None:
    looks, pauses = follow(
        lambda store, _: put(store, "w", 1, at(1, "first")),
        lambda store, _: put(store, "w", 2, at(2, "second"), at(3, "third")),
        lambda _, executions: executions.end(JOB, JobStatus.FAILED),
        lambda store, _: put(store, "w", 3, at(4, "late")),
    )
    assert looks == [[], ["first"], ["second", "third"], [], ["late"]]
    assert pauses == [1.0, 1.0, 1.0, 3.0]
