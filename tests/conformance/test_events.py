"""Each sample event is accepted by its function."""

import json
from typing import Any

import pytest

from frameloom.model.execution_event import StoppedExecution
from frameloom.model.job import Segment
from frameloom.model.messages import ChunkMessage, LogBatch
from frameloom.model.request import parse_request
from tests.conformance.asl_checks import every_state
from tests.conformance.farm_template import resources
from tests.conformance.toolbox import ROOT

EVENTS = ROOT / "events"
FUNCTIONS = sorted(path.parent.name for path in ROOT.glob("functions/*/app.py"))
WAYS_TO_START = ["start_console", "start_upload", "start_full"]
# Each event, and the state that sends it; log_job's first state leaves out the error.
STATES = {
    "prepare_job": "PrepareJob",
    "plan_chunks": "PlanChunks",
    "verify_frames": "VerifyFrames",
    "encode_segment": "EncodeSegment",
    "stitch_video": "StitchVideo",
    "log_job": "LogFailure",
    "segment_failed": "LogSegmentFailure",
}


def event(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


def bodies(name: str) -> list[str]:
    return [record["body"] for record in event(name)["Records"]]


def test_each_function_and_each_start_or_stop_of_a_job_has_an_event() -> None:
    assert sorted(path.stem for path in EVENTS.iterdir()) == sorted(
        [*FUNCTIONS, *WAYS_TO_START, "job_stopped", "pulse", "segment_failed"]
    )


@pytest.mark.parametrize("name", [*WAYS_TO_START, "submit_job"])
def test_it_is_a_valid_request(name: str) -> None:
    assert parse_request(event(name)).file.endswith(".blend")


def test_the_full_request_has_every_field_except_alternatives_and_names_of_uploads() -> None:
    request = parse_request(event("start_full"))
    alternatives, uploads = {"start", "end", "step", "blender"}, {"absolute_root", "addons", "ocio"}
    assert set(type(request).model_fields) - set(event("start_full")) == alternatives | uploads


@pytest.mark.parametrize(("name", "state"), STATES.items())
def test_it_has_the_fields_of_its_state(name: str, state: str) -> None:
    machine = json.loads((ROOT / "statemachine/render_job.asl.json").read_text(encoding="utf-8"))
    (task,) = (placed.state for placed in every_state(machine) if placed.name == state)
    sent = {field.removesuffix(".$") for field in task["Parameters"]["Payload"]}
    assert set(event(name)) == sent


def test_the_job_and_its_segment_can_be_read() -> None:
    assert parse_request(event("prepare_job")["input"]).file == "rolling_ball.blend"
    assert Segment.read(event("encode_segment")["segment"]).count == 17


def test_the_queue_events_contain_valid_messages() -> None:
    assert [ChunkMessage.read(json.loads(body)).chunk_id for body in bodies("fail_lost_chunk")] == ["1-000002"]
    assert [len(LogBatch.read(json.loads(body)).records) for body in bodies("collect_logs")] == [2, 1]


def test_a_job_that_was_stopped_can_be_read() -> None:
    assert StoppedExecution.of_event(event("job_stopped")).started.isoformat() == "2026-11-23T10:15:00+00:00"


def test_the_pulse_equals_its_schedule_s_input() -> None:
    schedule = resources["CollectLogsFunction"]["Properties"]["Events"]["Pulse"]["Properties"]
    assert event("pulse") == json.loads(schedule["Input"])
