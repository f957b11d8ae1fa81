"""LogJob: the report of a job that succeeded, failed, or was stopped from outside."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from frameloom.model.execution_event import StoppedExecution
from frameloom.model.messages import ChunkResult
from frameloom.model.report import JobReport
from frameloom.services.log_job import MAX_CAUSE, MAX_ERROR, failure, write_report, write_stopped_report
from frameloom.services.plan_chunks import plan
from frameloom.services.storage import job_documents
from frameloom.testing import MemoryStore
from tests.jobs import BUCKETS, STARTED, make_job, put_frames, put_result

NOW = datetime(2026, 11, 23, 6, 1, 30, 500_000, tzinfo=UTC)
MAP_FAILED = {
    "Error": "States.ExceedToleratedFailureThreshold",
    "Cause": "The specified tolerated failure was exceeded",
}


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def reported(store: MemoryStore, error: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], JobReport]:
    """Return the summary, and the report in the log bucket."""
    summary = write_report("shot-1", started=STARTED, now=NOW, error=error, store=store, buckets=BUCKETS)
    document = JobReport.read(job_documents.read(store, BUCKETS.logs, "jobs/shot-1/report.json"))
    assert document.summary.to_json() == summary
    return summary, document


def failed_chunk(chunk_id: str, error: str, cause: str) -> ChunkResult:
    return ChunkResult(chunk_id=chunk_id, frames="1-3", worker="w", attempt=0, error=error, cause=cause)


def test_the_summary_of_a_successful_job_has_its_film_and_frames(store: MemoryStore) -> None:
    job = make_job(store, "1-5")
    put_frames(store, job, [1, 2, 3, 4, 5])
    put_result(store, job, "1-000000", "3-5", rendered=3, frame_seconds={"3": 1.0, "4": 2.0, "5": 1.5})
    # The film's key is that in StitchVideo's result, not the scene's.
    job_documents.write_stitched(
        store, BUCKETS, "shot-1", {"bucket": "scenes", "key": "film/shot_v002.mp4", "frames": 5}
    )
    summary, document = reported(store)
    assert summary == {
        "job_id": "shot-1",
        "status": "succeeded",
        "scene": "film/shot.blend",
        "frames": {"total": 5, "rendered": 3, "reused": 2, "missing": 0},
        "output": {"bucket": "frames", "key": job.outputs.prefix},
        "video": {"bucket": "scenes", "key": "film/shot_v002.mp4"},
        "report": {"bucket": "logs", "key": "jobs/shot-1/report.json"},
    }
    assert (document.started, document.ended, document.seconds) == (STARTED, "2026-11-23T06:01:30.500000+00:00", 90.5)
    assert document.workers == ["worker-1"]
    assert [chunk.chunk_id for chunk in document.chunks] == ["1-000000"]


def test_a_chunk_that_two_workers_finished_is_counted_once(store: MemoryStore) -> None:
    job = make_job(store, "-1-3")
    put_frames(store, job, [-1, 0, 1, 2])
    seconds = {"-1": 1.0, "0": 1.0, "1": 1.0}
    put_result(store, job, "1-000000", "-1-1", rendered=3, frame_seconds=seconds)
    put_result(store, job, "1-000000", "-1-1", worker="worker-2", rendered=3, frame_seconds=seconds)
    # The results report this frame as rendered, but it is not in S3.
    put_result(store, job, "1-000001", "2-3", worker="worker-2", rendered=1, frame_seconds={"3": 1.0})
    summary, document = reported(store)
    assert summary["frames"] == {"total": 5, "rendered": 3, "reused": 1, "missing": 1}
    assert document.workers == ["worker-1", "worker-2"]


def test_a_job_for_frames_alone_has_no_video(store: MemoryStore) -> None:
    put_frames(store, make_job(store, "1", output="frames"), [1])
    assert "video" not in reported(store)[0]


def test_the_report_of_a_failed_job_has_its_error_and_no_video(store: MemoryStore) -> None:
    put_frames(store, make_job(store, "1-3"), [1])
    cause = json.dumps(
        {"errorMessage": "2 of 3 frames are missing: 2-3.", "errorType": "FramesMissing", "stackTrace": []}
    )
    summary, _ = reported(store, {"Error": "FramesMissing", "Cause": cause})
    assert summary["status"] == "failed"
    assert (summary["error"], summary["cause"]) == ("FramesMissing", "2 of 3 frames are missing: 2-3.")
    assert summary["frames"] == {"total": 3, "rendered": 0, "reused": 1, "missing": 2}
    assert "video" not in summary


def test_a_job_without_a_manifest_gets_a_report(store: MemoryStore) -> None:
    summary, document = reported(store, {"Error": "SceneNotFound", "Cause": "There is no scene"})
    assert summary == {
        "job_id": "shot-1",
        "status": "failed",
        "frames": {"total": 0, "rendered": 0, "reused": 0, "missing": 0},
        "report": {"bucket": "logs", "key": "jobs/shot-1/report.json"},
        "error": "SceneNotFound",
        "cause": "There is no scene",
    }
    assert document.chunks == []


def test_reporting_twice_gives_the_same_report(store: MemoryStore) -> None:
    make_job(store)
    assert reported(store) == reported(store)


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        ("plain words", "plain words"),
        ('{"errorMessage": "what it says", "stackTrace": ["..."]}', "what it says"),
        ('{"other": 1}', '{"other": 1}'),
        ("[1, 2]", "[1, 2]"),
        ("", ""),
        (None, ""),
    ],
)
def test_the_cause_is_the_message_in_a_lambdas_json(cause: str | None, message: str) -> None:
    assert failure({"Error": "X", "Cause": cause}, []) == ("X", message)  # type: ignore[dict-item]


def test_the_error_of_a_failed_map_is_that_of_the_fatal_chunk() -> None:
    chunks = [
        failed_chunk("1-000001", "NoCamera", "Scene 'Scene' has no camera"),
        # An attempt that failed and was retried; its result is the last one.
        failed_chunk("1-000002", "RenderCrashed", "Blender failed"),
    ]
    assert failure(MAP_FAILED, chunks) == ("NoCamera", "Scene 'Scene' has no camera")
    assert failure(MAP_FAILED, chunks[1:]) == ("RenderCrashed", "Blender failed")


def test_a_failed_map_without_failed_chunks_keeps_its_error() -> None:
    assert failure(MAP_FAILED, []) == (MAP_FAILED["Error"], MAP_FAILED["Cause"])


@pytest.mark.parametrize("error", ["FrameInvalid", "Sandbox.Timedout", "Runtime.ExitError", "States.Timeout"])
def test_the_error_of_a_failed_map_of_segments_is_that_of_the_segment(error: str) -> None:
    # A chunk that failed once and was then rendered is not the reason.
    chunks = [failed_chunk("1-000002", "RenderCrashed", "Blender failed")]
    segment = {"Error": error, "Cause": '{"errorMessage": "what it says"}'}
    assert failure(MAP_FAILED, chunks, segment) == (error, "what it says")


def test_another_error_is_not_replaced_by_a_segments() -> None:
    told = {"Error": "States.Timeout", "Cause": "StitchVideo"}
    assert failure(told, [], {"Error": "FrameInvalid", "Cause": "Frame 7"}) == ("States.Timeout", "StitchVideo")


def test_another_error_is_not_replaced_by_a_chunks() -> None:
    chunks = [failed_chunk("1-000001", "RenderCrashed", "Blender failed")]
    assert failure({"Error": "EncodeFailed", "Cause": "no space"}, chunks) == ("EncodeFailed", "no space")


def test_error_and_cause_fit_into_the_fail_state() -> None:
    name, cause = failure({"Error": "E" * 1000, "Cause": "c" * 100_000}, [])
    assert (len(name), len(cause)) == (MAX_ERROR, MAX_CAUSE)
    assert failure({}, []) == ("States.Runtime", "")


def stopped(status: str = "ABORTED", **fields: Any) -> StoppedExecution:
    """Return the event of the job shot-1, stopped 90.5 s after its start."""
    detail = {"name": "shot-1", "status": status, "startDate": 1795413600000, "stopDate": 1795413690500}
    return StoppedExecution.of_event(detail | {"error": None, "cause": None} | fields)


def reported_stopped(store: MemoryStore, what: StoppedExecution) -> JobReport:
    summary = write_stopped_report(what, store=store, buckets=BUCKETS)
    document = JobReport.read(job_documents.read(store, BUCKETS.logs, "jobs/shot-1/report.json"))
    assert document.summary.to_json() == summary
    return document


def test_the_report_of_a_canceled_job_has_cause_times_and_frame_counts(store: MemoryStore) -> None:
    job = make_job(store, "1-9", chunk_size=4)
    put_frames(store, job, [1])
    plan("shot-1", 0, store=store, buckets=BUCKETS)
    # One chunk has a result; the other one was running.
    put_frames(store, job, [2, 3, 4, 5, 6])
    put_result(store, job, "1-000000", "2-5", rendered=4, frame_seconds={str(frame): 1.0 for frame in (2, 3, 4, 5)})
    document = reported_stopped(store, stopped(error="Retouched", cause="wrong camera"))
    summary = document.summary.to_json()
    assert (summary["status"], summary["error"], summary["cause"]) == ("canceled", "Retouched", "wrong camera")
    assert summary["frames"] == {"total": 9, "rendered": 5, "reused": 1, "missing": 3}
    assert "video" not in summary
    assert (document.started, document.ended) == ("2026-11-23T06:00:00+00:00", "2026-11-23T06:01:30.500000+00:00")
    assert (document.seconds, document.workers) == (90.5, ["worker-1"])


def test_scouts_of_a_canceled_job_count_as_rendered(store: MemoryStore) -> None:
    job = make_job(store, "1-1000")
    plan("shot-1", 0, store=store, buckets=BUCKETS)
    put_frames(store, job, [1, 501])
    assert reported_stopped(store, stopped()).summary.frames.rendered == 2


@pytest.mark.parametrize(
    ("status", "ended", "error"), [("ABORTED", "canceled", "Canceled"), ("TIMED_OUT", "failed", "States.Timeout")]
)
def test_a_job_stopped_without_a_reason_has_a_default_cause(
    store: MemoryStore, status: str, ended: str, error: str
) -> None:
    summary = reported_stopped(store, stopped(status)).summary
    assert (summary.status, summary.error) == (ended, error)
    assert summary.cause


def test_a_second_stop_event_does_not_change_the_report(store: MemoryStore) -> None:
    job = make_job(store, "1-3")
    once = reported_stopped(store, stopped())
    put_frames(store, job, [1])
    assert reported_stopped(store, stopped()) == once


def test_a_stop_event_does_not_replace_the_jobs_own_report(store: MemoryStore) -> None:
    put_frames(store, make_job(store, "1-3"), [1, 2, 3])
    _, own = reported(store)
    assert reported_stopped(store, stopped()) == own
