"""fail_lost_chunk: a chunk in the dead-letter queue is recorded, and its task ended."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model.messages import ChunkResult
from frameloom.services import documents
from frameloom.services.lost import fail_lost_chunk
from frameloom.services.memory import Answer, MemoryStore, MemoryTokens
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
CAUSE = "Chunk 1-000002 went to worker after worker and none finished it: it may kill them."


def lose(body: str, store: MemoryStore, tokens: MemoryTokens) -> str | None:
    message = fail_lost_chunk(body, store=store, tokens=tokens, buckets=BUCKETS)
    return None if message is None else message.chunk_id


def test_a_lost_chunk_is_recorded_and_its_task_fails() -> None:
    store, tokens = MemoryStore(), MemoryTokens()
    assert lose(json.dumps(MESSAGE), store, tokens) == "1-000002"
    assert tokens.answers == {"token": Answer(error="ChunkLost", cause=CAUSE)}
    assert list(documents.chunk_results(store, BUCKETS, "shot-1")) == [
        ChunkResult(chunk_id="1-000002", frames="7-9", worker="", attempt=1, error="ChunkLost", cause=CAUSE)
    ]


def test_losing_a_chunk_twice_is_harmless() -> None:
    store, tokens = MemoryStore(), MemoryTokens()
    lose(json.dumps(MESSAGE), store, tokens)
    assert lose(json.dumps(MESSAGE), store, tokens) == "1-000002"
    assert len(list(documents.chunk_results(store, BUCKETS, "shot-1"))) == 1
    assert len(tokens.answers) == 1


def test_a_chunk_of_a_job_that_is_gone_is_no_error() -> None:
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
        json.dumps(MESSAGE | {"version": 2}),
        json.dumps(MESSAGE | {"attempt": "first"}),
        json.dumps({name: value for name, value in MESSAGE.items() if name != "task_token"}),
        "[" * 100_000,
        "\ud800",
    ],
)
def test_a_body_that_is_no_chunk_is_passed_over(body: str) -> None:
    store, tokens = MemoryStore(), MemoryTokens()
    assert lose(body, store, tokens) is None
    assert list(store.list(BUCKETS.logs, "")) == []
    assert tokens.answers == {}


@given(st.text())
def test_any_text_is_passed_over(body: str) -> None:
    assert lose(body, MemoryStore(), MemoryTokens()) is None
