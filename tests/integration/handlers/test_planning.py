"""The handlers of PrepareJob, PlanChunks and VerifyFrames."""

from pathlib import Path
from typing import Any

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from frameloom.aws.store import S3Store
from frameloom.model.errors import FramesMissing, InvalidRequest, SceneNotFound
from frameloom.services.storage import job_documents
from tests.integration.handlers.calls import ENVIRONMENT, SCENE, load, metrics_of
from tests.jobs import S3_BUCKETS as BUCKETS
from tests.jobs import STARTED, make_job, put_frames

# Powertools warns if a function failed before it counted anything. Lambda itself counts errors.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def test_prepare_job_writes_the_manifest_and_returns_the_state(
    store: S3Store, scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.upload(scene, BUCKETS.scenes, SCENE)
    request = {"file": SCENE, "start": "1", "end": "3"}
    state = load("prepare_job")({"job_id": "shot-1", "started": STARTED, "input": request})
    job = job_documents.load_job(store, BUCKETS, "shot-1")
    assert (job.frames, job.fps, job.started) == ("1-3", "25", STARTED)
    stored = store.head(BUCKETS.scenes, SCENE)
    assert stored is not None
    assert state["scene"]["version"] == stored.version == job.scene.version
    assert state["output"] == {"bucket": BUCKETS.frames, "prefix": job.outputs.prefix}
    assert metrics_of(capsys) == {"JobsPrepared": 1}


def test_prepare_job_skips_an_upload_whose_uploader_starts_the_job(
    store: S3Store, scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.upload(scene, BUCKETS.scenes, SCENE, metadata={"frameloom-start": "no"})
    event = {"detail-type": "Object Created", "detail": {"object": {"key": SCENE}}}
    assert "skipped" in load("prepare_job")({"job_id": "shot-1", "started": STARTED, "input": event})
    assert list(store.list(BUCKETS.logs, "")) == []
    assert metrics_of(capsys) == {"UploadsSkipped": 1}


@pytest.mark.parametrize(
    ("request_", "error"),
    [({"file": "film/shot2.blend"}, SceneNotFound), ({"file": SCENE, "frames": "3-1"}, InvalidRequest)],
)
def test_prepare_job_raises_errors_with_the_names_in_the_asl(
    store: S3Store, scene: Path, request_: dict[str, Any], error: type[Exception]
) -> None:
    store.upload(scene, BUCKETS.scenes, SCENE)
    with pytest.raises(error):
        load("prepare_job")({"job_id": "shot-1", "started": STARTED, "input": request_})


def test_plan_chunks_writes_the_list_that_the_distributed_map_reads(
    store: S3Store, capsys: pytest.CaptureFixture[str]
) -> None:
    put_frames(store, make_job(store, "11-20", buckets=BUCKETS, chunk_size=4), [12, 13])
    planned = load("plan_chunks")({"job_id": "shot-1", "round": 1})
    assert planned == {"bucket": BUCKETS.logs, "key": "jobs/shot-1/chunks/round-1.json", "count": 2, "round": 1}
    assert job_documents.read(store, planned["bucket"], planned["key"]) == [
        {"chunk_id": "1-000000", "frames": "11,14-16"},
        {"chunk_id": "1-000001", "frames": "17-20"},
    ]
    assert metrics_of(capsys) == {"ChunksPlanned": 2}


def test_verify_frames_counts_more_than_a_thousand_frames(store: S3Store, capsys: pytest.CaptureFixture[str]) -> None:
    job = make_job(store, "1-1100", buckets=BUCKETS)
    for frame in range(1, 1100):
        # Without HTTP, which would take milliseconds per frame.
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(BUCKETS.frames, job.frame_key(frame), b"image")
    assert load("verify_frames")({"job_id": "shot-1", "round": 1}) == {
        "next": "PlanChunks",
        "round": 2,
        "missing": 1,
        "segments": None,
    }
    assert metrics_of(capsys) == {"FramesMissing": 1}
    with pytest.raises(FramesMissing, match=r"^1 of 1100 frames are missing: 1100\."):
        load("verify_frames")({"job_id": "shot-1", "round": 2})


def test_verify_frames_returns_the_number_of_parallel_encoders(store: S3Store) -> None:
    put_frames(store, make_job(store, "1-3", buckets=BUCKETS), [1, 2, 3])
    verified = load("verify_frames")({"job_id": "shot-1", "round": 1})
    assert verified["next"] == "EncodeSegments"
    assert verified["segments"]["at_once"] == int(ENVIRONMENT["ENCODERS_AT_ONCE"])
