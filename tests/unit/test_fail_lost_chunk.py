"""fail_lost_chunk: a chunk in the dead-letter queue is recorded, and its task fails."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model import keys
from frameloom.model.messages import ChunkResult, LogRecord
from frameloom.services.fail_lost_chunk import fail_lost_chunk
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import UnknownToken
from frameloom.testing import Answer, MemoryStore, MemoryTokens
from tests.jobs import BUCKETS

MESSAGE: dict[str, Any] = {
    "version": 1,
    "task_token": "token",
    "job_id": "shot-1",
    "chunk_id": "1-000002",
    "attempt": 1,
    "scene": {"bucket": "scenes", "key": "shot.blend", "digest": "0" * 64},
    "frames": "7-9",
    "output": {"bucket": "frames", "prefix": "shot/0123456789abcdef/"},
    "settings": {"blender": "4.5.15", "format": "PNG"},
}
CAUSE = (
    "Several workers received chunk 1-000002 with frames 7-9, but none finished it: the chunk may crash its workers. "
    "The end of its log: {}."
)


def lose(body: str, store: MemoryStore, tokens: MemoryTokens) -> str | None:
    message = fail_lost_chunk(body, store=store, tokens=tokens, buckets=BUCKETS)
    return None if message is None else message.chunk_id


def test_a_lost_chunk_is_recorded_and_its_task_fails() -> None:
    store, tokens = MemoryStore(), MemoryTokens()
    assert lose(json.dumps(MESSAGE), store, tokens) == "1-000002"
    assert tokens.answers == {"token": Answer(error="ChunkLost", cause=CAUSE.format("none"))}
    assert list(job_documents.chunk_results(store, BUCKETS, "shot-1")) == [
        ChunkResult(
            chunk_id="1-000002", frames="7-9", worker="", attempt=1, error="ChunkLost", cause=CAUSE.format("none")
        )
    ]


def test_a_lost_task_fails_without_a_result_of_a_chunk() -> None:
    store, tokens = MemoryStore(), MemoryTokens()
    store.put(BUCKETS.logs, keys.returned_key("shot-1", "inspect", at=100, worker="w"), b"")
    put_log(store, "w", 110, ("inspect", "Task received"), ("1-000002", "of a chunk"))
    task = {name: MESSAGE[name] for name in ("version", "task_token", "job_id", "attempt", "scene", "settings")}
    assert lose(json.dumps(task | {"task": "inspect"}), store, tokens) == "inspect"
    answer = tokens.answers["token"]
    assert answer.error == "TaskLost"
    assert "the job's task 'inspect', but none finished it" in (answer.cause or "")
    assert "log: t110 Task received." in (answer.cause or "")
    assert list(job_documents.chunk_results(store, BUCKETS, "shot-1")) == []


@pytest.mark.parametrize("body", [json.dumps(MESSAGE), json.dumps({"version": 9, "task_token": "token"})])
def test_a_lost_chunk_with_an_unknown_token_is_recorded_and_not_retried(
    body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object, **_facts: object) -> bool:
        raise UnknownToken

    store, tokens = MemoryStore(), MemoryTokens()
    monkeypatch.setattr(tokens, "fail", unknown)
    lost = lose(body, store, tokens)
    assert len(list(job_documents.chunk_results(store, BUCKETS, "shot-1"))) == (0 if lost is None else 1)


def put_log(store: MemoryStore, worker: str, at: int, *records: tuple[str, str]) -> None:
    lines = [
        LogRecord(time=f"t{at}", level="debug", message=said, worker=worker, job_id="shot-1", chunk_id=chunk)
        for chunk, said in records
    ]
    key = keys.log_part_key("shot-1", worker, f"{at:020d}-000001")
    store.put(BUCKETS.logs, key, "".join(line.model_dump_json(exclude_none=True) + "\n" for line in lines).encode())


def put_returned(store: MemoryStore, worker: str, at: int) -> None:
    store.put(BUCKETS.logs, keys.returned_key("shot-1", "1-000002", at=at, worker=worker), b"")


def lost_chunk(store: MemoryStore) -> ChunkResult:
    lose(json.dumps(MESSAGE), store, MemoryTokens())
    (result,) = job_documents.chunk_results(store, BUCKETS, "shot-1")
    return result


def test_the_result_keeps_the_last_log_lines_of_the_last_worker_that_logged() -> None:
    store = MemoryStore()
    for worker, at in (("w-a", 100), ("w-b", 200), ("w-c", 300)):
        put_returned(store, worker, at)
    put_log(store, "w-a", 110, ("1-000002", "of the first"))
    for at in range(20, 190):
        put_log(store, "w-b", at, ("1-000002", "of an earlier attempt"))
    put_log(store, "w-b", 210, ("1-000001", "of another chunk"), *(("1-000002", f"line {n}") for n in range(30)))
    put_log(store, "w-b", 220, ("1-000003", "of the next chunk"))
    result = lost_chunk(store)
    assert result.log == [f"t210 line {n}" for n in range(10, 30)]
    assert result.cause == CAUSE.format("t210 line 27 | t210 line 28 | t210 line 29")


def test_an_unreadable_log_does_not_prevent_the_task_from_failing() -> None:
    store, tokens = MemoryStore(), MemoryTokens()
    put_returned(store, "w", 100)
    store.put(BUCKETS.logs, keys.log_part_key("shot-1", "w", f"{200:020d}-000001"), b"no record")
    assert lose(json.dumps(MESSAGE), store, tokens) == "1-000002"
    assert "its log cannot be read" in (tokens.answers["token"].cause or "")


def test_failing_a_lost_chunk_twice_is_harmless() -> None:
    store, tokens = MemoryStore(), MemoryTokens()
    lose(json.dumps(MESSAGE), store, tokens)
    assert lose(json.dumps(MESSAGE), store, tokens) == "1-000002"
    assert len(list(job_documents.chunk_results(store, BUCKETS, "shot-1"))) == 1
    assert len(tokens.answers) == 1


def test_a_lost_chunk_of_an_ended_job_is_not_an_error() -> None:
    store, tokens = MemoryStore(), MemoryTokens()
    tokens.dead.add("token")
    assert lose(json.dumps(MESSAGE), store, tokens) == "1-000002"
    assert tokens.answers == {}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        "null",
        "[]",
        "text",
        '{"version": 1',
        json.dumps(MESSAGE | {"version": 2, "task_token": ""}),
        json.dumps(MESSAGE | {"version": 2, "task_token": ["token"]}),
        json.dumps({name: value for name, value in MESSAGE.items() if name != "task_token"}),
        "[" * 100_000,
        "\ud800",
    ],
)
def test_a_body_that_is_not_a_chunk_is_ignored(body: str) -> None:
    store, tokens = MemoryStore(), MemoryTokens()
    assert lose(body, store, tokens) is None
    assert list(store.list(BUCKETS.logs, "")) == []
    assert tokens.answers == {}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"version": 2}, "message, which has version 2, but the workers of this farm read version 1"),
        ({"version": 2, "colour": "blue"}, "has version 2"),
        ({"settings": None}, "message, which is invalid: "),
    ],
)
def test_the_task_of_an_unreadable_message_fails_with_the_reason(change: Any, problem: str) -> None:
    store, tokens = MemoryStore(), MemoryTokens()
    assert lose(json.dumps(MESSAGE | change), store, tokens) is None
    assert tokens.answers["token"].error == "ChunkLost"
    assert problem in (tokens.answers["token"].cause or "")
    (result,) = job_documents.chunk_results(store, BUCKETS, "shot-1")
    assert (result.chunk_id, result.frames, result.attempt) == ("1-000002", "7-9", 1)
    assert (result.error, result.cause) == ("ChunkLost", tokens.answers["token"].cause)


@pytest.mark.parametrize(
    "change",
    [
        {"job_id": "../other"}, {"job_id": ""}, {"job_id": "shot/1"}, {"chunk_id": "1-1/../x"}, {"attempt": "first"},
        {"job_id": "shot-1\n"}, {"frames": "1," * 10_000},
    ],
)  # fmt: skip
def test_no_key_is_made_from_invalid_fields_of_an_unreadable_message(change: Any) -> None:
    store, tokens = MemoryStore(), MemoryTokens()
    assert lose(json.dumps(MESSAGE | {"version": 2} | change), store, tokens) is None
    assert list(store.list(BUCKETS.logs, "")) == []
    assert tokens.answers["token"].error == "ChunkLost"


@given(st.text())
def test_any_text_is_ignored(body: str) -> None:
    assert lose(body, MemoryStore(), MemoryTokens()) is None
