"""The handler of LogJob."""

import json

import pytest

from frameloom.aws.store import S3Store
from tests.integration.handlers.calls import (
    FUNCTIONS,
    load,
    metrics_of,
)
from tests.jobs import S3_BUCKETS as BUCKETS
from tests.jobs import STARTED, make_job, put_frames, put_result

# Powertools warns if a function failed before it counted anything. Lambda itself counts errors.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def test_log_job_reports_a_job_that_succeeded(store: S3Store, capsys: pytest.CaptureFixture[str]) -> None:
    job = make_job(store, "1-3", buckets=BUCKETS)
    put_frames(store, job, [1, 2, 3])
    put_result(store, job, "1-000000", "1-3", buckets=BUCKETS, rendered=3, frame_seconds={"1": 1.0, "2": 1.0, "3": 1.0})
    summary = load("log_job")({"job_id": "shot-1", "started": STARTED})
    assert (summary["status"], summary["frames"]["rendered"]) == ("succeeded", 3)
    assert "Error" not in summary
    assert store.head(summary["report"]["bucket"], summary["report"]["key"]) is not None
    assert metrics_of(capsys) == {"JobsSucceeded": 1}


@pytest.mark.usefixtures("store")
def test_log_job_returns_error_and_cause_for_the_fail_state(capsys: pytest.CaptureFixture[str]) -> None:
    error = {
        "Error": "SceneNotFound",
        "Cause": json.dumps({"errorMessage": "There is no scene 'x'", "errorType": "SceneNotFound"}),
    }
    summary = load("log_job")({"job_id": "shot-1", "started": STARTED, "error": error})
    assert (summary["Error"], summary["Cause"]) == ("SceneNotFound", "There is no scene 'x'")
    assert summary["status"] == "failed"
    assert metrics_of(capsys) == {"JobsFailed": 1}


@pytest.mark.usefixtures("store")
def test_log_job_accepts_an_error_without_a_cause() -> None:
    summary = load("log_job")(
        {"job_id": "shot-1", "started": STARTED, "error": {"Error": "States.Timeout", "Cause": None}}
    )
    assert (summary["Error"], summary["Cause"]) == ("States.Timeout", "")


def test_log_job_reports_the_error_of_a_failed_segment(store: S3Store, capsys: pytest.CaptureFixture[str]) -> None:
    event = json.loads((FUNCTIONS.parent / "events" / "segment_failed.json").read_text(encoding="utf-8"))
    make_job(store, "1-3", buckets=BUCKETS, job_id=event["job_id"])
    assert load("log_job")(event) == {}
    assert metrics_of(capsys) == {"SegmentsFailed": 1}
    hidden = {
        "Error": "States.ExceedToleratedFailureThreshold",
        "Cause": "The tolerated failure threshold was exceeded",
    }
    summary = load("log_job")({"job_id": event["job_id"], "started": STARTED, "error": hidden})
    assert (summary["Error"], summary["Cause"]) == ("FrameInvalid", "Frame 7 is invalid: it is cut off.")


def test_log_job_reports_a_stopped_job(store: S3Store, capsys: pytest.CaptureFixture[str]) -> None:
    event = json.loads((FUNCTIONS.parent / "events" / "job_stopped.json").read_text(encoding="utf-8"))
    summary = load("log_job")(event)
    assert (summary["status"], summary["cause"]) == ("canceled", event["cause"])
    assert json.loads(store.get(BUCKETS.logs, summary["report"]["key"]) or b"")["summary"] == summary
    assert metrics_of(capsys) == {"JobsCanceled": 1}
