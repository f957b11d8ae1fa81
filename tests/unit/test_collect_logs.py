"""collect_logs: each part of a log is stored once."""

import json

import pytest

from frameloom.model.log_event import LogEvent
from frameloom.model.messages import LogBatch, LogRecord
from frameloom.services.collect_logs import collect
from frameloom.testing import MemoryStore
from tests.jobs import BUCKETS


def batch(part: str = "1", *messages: str, event: LogEvent | None = None) -> str:
    records = [
        LogRecord(
            time="2026-11-23T06:00:00.000+00:00",
            level="info",
            event=event,
            message=message,
            worker="worker-1",
            job_id="shot-1",
        )
        for message in messages
    ]
    return LogBatch(worker="worker-1", job_id="shot-1", part=part, records=records).model_dump_json()


def test_a_part_is_stored_as_json_lines_in_order() -> None:
    store = MemoryStore()
    piece = collect(batch("1", "Scene opened", "Zeile\nzwei\u2028drei"), store=store, buckets=BUCKETS)
    data = store.get(BUCKETS.logs, piece.key) or b""
    assert data.endswith(b"\n")
    assert [json.loads(line)["message"] for line in data.split(b"\n")[:-1]] == ["Scene opened", "Zeile\nzwei\u2028drei"]
    assert json.loads(data.split(b"\n")[0]) == {
        "time": "2026-11-23T06:00:00.000+00:00",
        "level": "info",
        "message": "Scene opened",
        "worker": "worker-1",
        "job_id": "shot-1",
        "facts": {},
    }


def test_the_same_part_twice_is_stored_once() -> None:
    store = MemoryStore()
    assert collect(batch("1", "a"), store=store, buckets=BUCKETS) == collect(
        batch("1", "a"), store=store, buckets=BUCKETS
    )
    assert len(list(store.list(BUCKETS.logs, ""))) == 1


def test_rendered_frames_are_counted_by_their_events() -> None:
    frames = [
        collect(batch("1", "a", "Frame rendered", event=event), store=MemoryStore(), buckets=BUCKETS).frames
        for event in (LogEvent.FRAME_RENDERED, LogEvent.FRAME_STARTED, None)
    ]
    assert frames == [2, 0, 0]


def test_the_keys_of_a_workers_parts_sort_in_their_order() -> None:
    store = MemoryStore()
    keys = [collect(batch(part, "a"), store=store, buckets=BUCKETS).key for part in ("001", "002", "010")]
    assert [stored.key for stored in store.list(BUCKETS.logs, "jobs/shot-1/logs/worker-1/")] == keys


@pytest.mark.parametrize(
    "body", ["", "{}", "null", '{"worker": "w"}', "text", "[" * 100_000, batch().replace("shot-1", "") + "x"]
)
def test_a_body_that_is_not_a_log_is_an_error_and_stores_nothing(body: str) -> None:
    store = MemoryStore()
    with pytest.raises(ValueError, match="LogBatch"):
        collect(body, store=store, buckets=BUCKETS)
    assert list(store.list(BUCKETS.logs, "")) == []
