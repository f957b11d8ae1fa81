"""The messages of the queues."""

import json
from typing import Any

import pytest

from frameloom.model.errors import InvalidRequest
from frameloom.model.frames import FrameRange
from frameloom.model.log_event import LogEvent
from frameloom.model.messages import (
    ChunkAnswer,
    ChunkMessage,
    ChunkResult,
    LogBatch,
    LogRecord,
    QueueMessage,
    SceneTask,
)

MESSAGE: dict[str, Any] = {
    "version": 1,
    "task_token": "token",
    "job_id": "shot-1",
    "chunk_id": "1-000000",
    "attempt": 0,
    "scene": {"bucket": "scenes", "key": "shot.blend", "version": "v1", "digest": "0" * 64},
    "frames": "1-3,7",
    "output": {"bucket": "frames", "prefix": "shot/0123456789abcdef/"},
    "settings": {"blender": "4.5.15", "samples": 16, "format": "PNG"},
}


def test_a_chunk_message_survives_the_queue() -> None:
    message = ChunkMessage.read(MESSAGE)
    assert ChunkMessage.read(json.loads(json.dumps(message.to_json()))) == message
    assert list(message.frame_range()) == [1, 2, 3, 7]


def test_a_chunk_from_an_unversioned_bucket_has_no_version() -> None:
    scene = {name: value for name, value in MESSAGE["scene"].items() if name != "version"}
    message = ChunkMessage.read(MESSAGE | {"scene": scene})
    assert message.scene.version is None
    assert "version" not in message.to_json()["scene"]


def test_a_message_is_a_chunk_or_a_task_by_its_fields() -> None:
    task = {name: MESSAGE[name] for name in ("version", "task_token", "job_id", "attempt", "scene", "settings")}
    assert isinstance(QueueMessage.model_validate(MESSAGE).root, ChunkMessage)
    found = QueueMessage.model_validate(task | {"task": "inspect"}).root
    assert isinstance(found, SceneTask)
    assert QueueMessage.model_validate(found.to_json()).root == found
    for wrong in (task, task | {"task": "paint"}, task | {"task": "inspect", "frames": "1"}):
        with pytest.raises(ValueError, match="SceneTask"):
            QueueMessage.model_validate(wrong)


@pytest.mark.parametrize("missing", sorted(MESSAGE))
def test_a_chunk_message_without_a_field_is_refused_with_the_field(missing: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ChunkMessage.read({name: value for name, value in MESSAGE.items() if name != missing})
    assert caught.value.facts["field"] == missing


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"version": 2}, "version"),
        ({"priority": 1}, "priority"),
        ({"attempt": "first"}, "attempt"),
        ({"settings": {"samples": 0}}, "settings.samples"),
        ({"settings": {"colour": 1}}, "settings.colour"),
        ({"scene": "shot.blend"}, "scene"),
        ({"output": {"bucket": "frames"}}, "output.prefix"),
    ],
)
def test_a_chunk_message_with_an_invalid_field_is_refused_with_the_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ChunkMessage.read(MESSAGE | change)
    assert caught.value.facts["field"] == field


def test_the_largest_chunk_fits_into_a_message_and_the_state() -> None:
    # The largest chunk_size, 10,000 frames, in pairs with gaps, which gives the longest text.
    chunk = next(FrameRange.parse("1000000-1040000:3,1000001-1040000:3").chunks(10_000))
    message = ChunkMessage.read(MESSAGE | {"frames": str(chunk)})
    assert message.frame_range() == chunk
    # The limits: 256 KiB for the state in Step Functions, 1 MiB for an SQS message.
    assert len(json.dumps(message.to_json())) < 256 * 1024


def test_an_answer_is_equally_small_for_a_large_chunk() -> None:
    answer = ChunkAnswer(chunk_id="2-019999", rendered=10_000, reused=10_000, seconds=123_456.789, worker="w" * 80)
    assert len(json.dumps(answer.to_json())) < 256


def test_a_result_keeps_the_seconds_of_negative_frames() -> None:
    result = ChunkResult(
        chunk_id="1-000000", frames="-2--1", worker="w", attempt=0, frame_seconds={"-2": 0.5, "-1": 0.25}
    )
    assert ChunkResult.read(json.loads(json.dumps(result.to_json()))) == result


@pytest.mark.parametrize(("event", "read"), [("frame_rendered", LogEvent.FRAME_RENDERED), ("of_a_newer_version", None)])
def test_a_record_keeps_its_event_and_the_event_of_a_newer_version_is_dropped(
    event: str, read: LogEvent | None
) -> None:
    record = {"time": "2026-11-23T00:00:00Z", "level": "info", "event": event, "message": "A sentence", "worker": "w"}
    assert LogRecord.read(record).event is read
    assert "event" not in LogRecord.read(record | {"event": None}).to_json()


@pytest.mark.parametrize("level", ["fatal", "INFO", ""])
def test_an_unknown_log_level_is_refused(level: str) -> None:
    record = {"time": "2026-11-23T00:00:00Z", "level": level, "message": "Frame rendered", "worker": "w"}
    with pytest.raises(InvalidRequest, match=r"^records\.0\.level"):
        LogBatch.read({"worker": "w", "job_id": "j", "part": "1", "records": [record]})
