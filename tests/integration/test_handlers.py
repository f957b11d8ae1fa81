"""Each Lambda function as Lambda runs it: its folder's `app.handler`, its environment, moto for AWS."""

import importlib.util
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from PIL import Image

from frameloom.aws.store import S3Store
from frameloom.model import keys
from frameloom.model.errors import EncodeFailed, FrameInvalid, FramesMissing, InvalidRequest, SceneNotFound
from frameloom.model.job import Job
from frameloom.model.log_event import LogEvent
from frameloom.model.messages import ChunkMessage, LogBatch, LogRecord
from frameloom.model.settings import FrameFormat, RenderSettings, VideoSettings
from frameloom.services import verify_frames
from frameloom.services.storage import job_documents
from tests.jobs import S3_BUCKETS as BUCKETS
from tests.jobs import STARTED, make_job, put_frames, put_result
from tests.scenes import make_scene
from tests.unit.exr_images import exr
from tests.video_probe import probe

# Powertools says so of a function that failed: it has nothing to count, and Lambda counts its errors.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"
ENVIRONMENT = {
    "SCENES_BUCKET": BUCKETS.scenes,
    "FRAMES_BUCKET": BUCKETS.frames,
    "LOG_BUCKET": BUCKETS.logs,
    "BLENDER_VERSION": "4.5.15",
    "CYCLES_DEVICE": "CPU",
    "ENCODERS_AT_ONCE": "7",
    "TRUSTED_SCRIPTS": "allow",
    "POWERTOOLS_SERVICE_NAME": "frameloom",
    "POWERTOOLS_METRICS_NAMESPACE": "Frameloom",
}
Handler = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What Lambda tells a function of itself."""

    function_name: str
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:f"
    aws_request_id: str = "52fdfc07-2182-154f-163f-5f0f9a621d72"
    log_stream_name: str = "stream"

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the function may still take."""
        return 30_000


def load(name: str) -> Handler:
    """Return a function's handler; what goes in and out of it is JSON, as with Lambda."""
    spec = importlib.util.spec_from_file_location("app", FUNCTIONS / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)

    def invoke(event: dict[str, Any]) -> dict[str, Any]:
        answer = app.handler(json.loads(json.dumps(event)), Context(function_name=name))
        document: dict[str, Any] = json.loads(json.dumps(answer))
        return document

    return invoke


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Store]:
    """A farm's three buckets, and the environment of its functions."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        s3 = boto3.client("s3")
        for bucket in (BUCKETS.scenes, BUCKETS.frames, BUCKETS.logs):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        s3.put_bucket_versioning(Bucket=BUCKETS.scenes, VersioningConfiguration={"Status": "Enabled"})
        yield S3Store()


def metrics_of(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    """Return the metrics that a function has written, in the format that CloudWatch reads."""
    found: dict[str, float] = {}
    for line in capsys.readouterr().out.splitlines():
        record = json.loads(line)
        for group in record.get("_aws", {}).get("CloudWatchMetrics", []):
            for metric in group["Metrics"]:
                found[metric["Name"]] = sum(record[metric["Name"]])
    return found


def sqs_event(*bodies: str) -> dict[str, Any]:
    """Return what Lambda makes of a batch of messages."""
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": f"receipt-{number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:logs",
                "awsRegion": "eu-central-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


# ── All of them ──

NAMES = sorted(path.parent.name for path in FUNCTIONS.glob("*/app.py"))


def test_the_functions_are_those_of_the_design() -> None:
    assert [
        *("collect_logs", "encode_segment", "fail_lost_chunk", "log_job", "plan_chunks"),
        *("prepare_job", "stitch_video", "submit_job", "verify_frames"),
    ] == NAMES


def test_importing_a_function_reads_no_environment_and_makes_no_client() -> None:
    """Each in the same bare process: no region, no bucket's name, no credentials."""
    program = """
import importlib.util, sys
for path in sys.argv[1:]:
    spec = importlib.util.spec_from_file_location("app", path)
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    assert callable(app.handler), path
import boto3
from frameloom.aws import clients, lambda_env
assert boto3.DEFAULT_SESSION is None, "a client was made"
for cached in (clients.client, lambda_env.store, lambda_env.buckets, lambda_env.executions, lambda_env.tokens):
    assert cached.cache_info().currsize == 0, cached
"""
    paths = [str(FUNCTIONS / name / "app.py") for name in NAMES]
    bare = {"PATH": os.environ["PATH"], "HOME": os.devnull}
    ended = subprocess.run(
        [sys.executable, "-c", program, *paths], env=bare, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


# ── prepare_job ──

SCENE = "film/shot.blend"


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_scene(tmp_path_factory.mktemp("scenes") / "shot.blend", frames=(1, 5), fps=25)


def test_prepare_job_settles_a_job(store: S3Store, scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_prepare_job_skips_an_upload_whose_job_is_started_by_its_uploader(
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
def test_prepare_job_fails_by_the_errors_name(
    store: S3Store, scene: Path, request_: dict[str, Any], error: type[Exception]
) -> None:
    store.upload(scene, BUCKETS.scenes, SCENE)
    with pytest.raises(error):
        load("prepare_job")({"job_id": "shot-1", "started": STARTED, "input": request_})


# ── plan_chunks, verify_frames ──


def test_plan_chunks_writes_what_the_distributed_map_reads(store: S3Store, capsys: pytest.CaptureFixture[str]) -> None:
    put_frames(store, make_job(store, "11-20", buckets=BUCKETS, chunk_size=4), [12, 13])
    planned = load("plan_chunks")({"job_id": "shot-1", "round": 1})
    assert planned == {"bucket": BUCKETS.logs, "key": "jobs/shot-1/chunks/round-1.json", "count": 2, "round": 1}
    assert job_documents.read(store, planned["bucket"], planned["key"]) == [
        {"chunk_id": "1-000000", "frames": "11,14-16"},
        {"chunk_id": "1-000001", "frames": "17-20"},
    ]
    assert metrics_of(capsys) == {"ChunksPlanned": 2}


def test_verify_frames_counts_past_a_thousand(store: S3Store, capsys: pytest.CaptureFixture[str]) -> None:
    job = make_job(store, "1-1100", buckets=BUCKETS)
    for frame in range(1, 1100):
        # Past HTTP, where each would take some milliseconds.
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


def test_verify_frames_hands_on_how_many_segments_the_stack_encodes_at_once(store: S3Store) -> None:
    put_frames(store, make_job(store, "1-3", buckets=BUCKETS), [1, 2, 3])
    verified = load("verify_frames")({"job_id": "shot-1", "round": 1})
    assert verified["next"] == "EncodeSegments"
    assert verified["segments"]["at_once"] == int(ENVIRONMENT["ENCODERS_AT_ONCE"])


# ── encode_segment, stitch_video ──


def png(frame: int, size: tuple[int, int] = (64, 36)) -> bytes:
    """Return an image that is as grey as its frame's number."""
    file = io.BytesIO()
    Image.new("RGB", size, (frame * 10 % 250,) * 3).save(file, "PNG")
    return file.getvalue()


def jpeg(frame: int) -> bytes:
    """Return the same as a JPEG."""
    file = io.BytesIO()
    Image.open(io.BytesIO(png(frame))).save(file, "JPEG")
    return file.getvalue()


def openexr(frame: int) -> bytes:
    """Return the same in light, of which sRGB makes that grey."""
    light = ((frame * 10 % 250 / 255 + 0.055) / 1.055) ** 2.4
    return exr((64, 36), {"R": light, "G": light, "B": light, "A": 1.0})


STILLS: dict[FrameFormat, Callable[[int], bytes]] = {"PNG": png, "JPEG": jpeg, "OPEN_EXR": openexr}


def film_job(store: S3Store, frames: list[int], image: FrameFormat = "PNG", **fields: Any) -> Job:
    settings = RenderSettings(blender="4.5.15", format=image)
    job = make_job(store, f"{frames[0]}-{frames[-1]}", buckets=BUCKETS, settings=settings, **fields)
    for frame in frames:
        put_frames(store, job, [frame], data=STILLS[image](frame))
    return job


def settle_film(store: S3Store) -> list[dict[str, int]]:
    """Have VerifyFrames write the list of segments, and return it as EncodeSegments reads it."""
    listed = load("verify_frames")({"job_id": "shot-1", "round": 2})["segments"]
    segments: list[dict[str, int]] = job_documents.read(store, listed["bucket"], listed["key"])
    assert len(segments) == listed["count"]
    return segments


def make_film(store: S3Store) -> dict[str, Any]:
    """Do what the state machine does from VerifyFrames on."""
    segments = settle_film(store)
    encode = load("encode_segment")
    encoded = [encode({"job_id": "shot-1", "segment": segment}) for segment in reversed(segments)]
    assert [part["frames"] for part in reversed(encoded)] == [segment["count"] for segment in segments]
    assert all(store.head(part["bucket"], part["key"]) is not None for part in encoded)
    return load("stitch_video")({"job_id": "shot-1"})


def greys(path: Path) -> list[int]:
    """Return the frames of a film by the numbers that `png` drew into them."""
    import av  # noqa: PLC0415  heavy, and needed here alone

    with av.open(str(path)) as film:
        pictures = [frame.to_image().getpixel((20, 20)) for frame in film.decode(video=0)]
    return [round(picture[0] / 10) for picture in pictures]


@pytest.mark.parametrize("segment_frames", [500, 7])
def test_frames_become_a_film_of_as_many_frames(
    store: S3Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    segment_frames: int,
) -> None:
    monkeypatch.setattr(verify_frames, "SEGMENT_FRAMES", segment_frames)
    film_job(store, list(range(3, 20)), fps="30000/1001")
    film = make_film(store)
    assert metrics_of(capsys)["FilmsStitched"] == 1
    assert (film["bucket"], film["key"], film["frames"]) == (BUCKETS.scenes, "film/shot.mp4", 17)
    store.download(film["bucket"], film["key"], tmp_path / "film.mp4")
    facts = probe(tmp_path / "film.mp4")
    assert (facts.frames, facts.fps, facts.size) == (17, Fraction(30000, 1001), (64, 36))
    assert greys(tmp_path / "film.mp4") == list(range(3, 20))
    assert film["bytes"] == (tmp_path / "film.mp4").stat().st_size
    assert boto3.client("s3").head_object(Bucket=film["bucket"], Key=film["key"])["ContentType"] == "video/mp4"


@pytest.mark.parametrize("image", ["OPEN_EXR", "JPEG"])
def test_frames_of_every_format_become_a_film(
    store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: FrameFormat
) -> None:
    monkeypatch.setattr(verify_frames, "SEGMENT_FRAMES", 2)
    job = film_job(store, [3, 4, 5, 6, 7], image)
    film = make_film(store)
    store.download(film["bucket"], film["key"], tmp_path / "film.mp4")
    assert greys(tmp_path / "film.mp4") == [3, 4, 5, 6, 7]
    put_frames(store, job, [6], data=STILLS[image](6)[:-20])
    with pytest.raises(FrameInvalid, match="Frame 6"):
        load("encode_segment")({"job_id": "shot-1", "segment": {"segment": 1, "first": 2, "count": 2}})


def test_a_film_that_can_keeps_the_transparency_of_light(store: S3Store, tmp_path: Path) -> None:
    import av  # noqa: PLC0415  heavy

    job = film_job(store, [1, 2], "OPEN_EXR", video=VideoSettings(codec="prores"))
    put_frames(store, job, [1, 2], data=exr((64, 36), {"R": 0.1, "G": 0.1, "B": 0.1, "A": 0.5}))
    film = make_film(store)
    assert film["key"] == "film/shot.mov"
    store.download(film["bucket"], film["key"], tmp_path / "film.mov")
    with av.open(str(tmp_path / "film.mov")) as shown:
        alphas = [picture.to_ndarray(format="rgba")[20, 20, 3] for picture in shown.decode(video=0)]
    assert alphas == [128, 128]


def test_a_film_with_holes_shows_what_is_there(store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_frames, "SEGMENT_FRAMES", 3)
    film_job(store, [1, 2, 5, 6, 9, 12], on_missing="stitch")
    film = make_film(store)
    store.download(film["bucket"], film["key"], tmp_path / "film.mp4")
    assert greys(tmp_path / "film.mp4") == [1, 2, 5, 6, 9, 12]


def test_a_film_made_again_is_the_same(store: S3Store, tmp_path: Path) -> None:
    film_job(store, [1, 2, 3])
    films = []
    for name in ("one", "other"):
        film = make_film(store)
        store.download(film["bucket"], film["key"], tmp_path / name)
        films.append((tmp_path / name).read_bytes())
    assert films[0] == films[1]


def test_a_film_that_is_shorter_than_its_frames_is_not_kept(store: S3Store) -> None:
    job = film_job(store, [1, 2, 3])
    load("verify_frames")({"job_id": "shot-1", "round": 2})
    load("encode_segment")({"job_id": "shot-1", "segment": {"segment": 0, "first": 0, "count": 2}})
    with pytest.raises(EncodeFailed, match="has 2 frames instead of 3"):
        load("stitch_video")({"job_id": "shot-1"})
    assert store.head(BUCKETS.scenes, keys.video_key(job.scene.key, "mp4")) is None


def test_a_segment_of_no_frames_is_an_encode_failed(store: S3Store) -> None:
    film_job(store, [1, 2, 3])
    load("verify_frames")({"job_id": "shot-1", "round": 2})
    with pytest.raises(EncodeFailed, match="no frames"):
        load("encode_segment")({"job_id": "shot-1", "segment": {"segment": 1, "first": 3, "count": 3}})


def test_frames_that_another_job_adds_meanwhile_are_not_in_the_film(
    store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_frames, "SEGMENT_FRAMES", 2)
    job = film_job(store, [1, 3, 5, 7], on_missing="stitch")
    first, second = settle_film(store)
    load("encode_segment")({"job_id": "shot-1", "segment": first})
    put_frames(store, job, [2], data=png(2))
    load("encode_segment")({"job_id": "shot-1", "segment": second})
    film = load("stitch_video")({"job_id": "shot-1"})
    store.download(film["bucket"], film["key"], tmp_path / "film.mp4")
    assert greys(tmp_path / "film.mp4") == [1, 3, 5, 7]


def test_the_functions_leave_no_file_behind(
    store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene: Path
) -> None:
    """A Lambda's disk outlives its call: what one job leaves there, a later one has to do without."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store.upload(scene, BUCKETS.scenes, SCENE)
    load("prepare_job")({"job_id": "other", "started": STARTED, "input": {"file": SCENE}})
    film_job(store, [1, 2, 3])
    make_film(store)
    put_frames(store, job_documents.load_job(store, BUCKETS, "shot-1"), [2], data=png(2)[:-20])
    with pytest.raises(Exception, match="Frame 2"):
        load("encode_segment")({"job_id": "shot-1", "segment": {"segment": 0, "first": 0, "count": 3}})
    assert list(tmp_path.iterdir()) == []


# ── log_job ──


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
def test_log_job_says_what_the_fail_state_shows(capsys: pytest.CaptureFixture[str]) -> None:
    error = {
        "Error": "SceneNotFound",
        "Cause": json.dumps({"errorMessage": "There is no scene 'x'", "errorType": "SceneNotFound"}),
    }
    summary = load("log_job")({"job_id": "shot-1", "started": STARTED, "error": error})
    assert (summary["Error"], summary["Cause"]) == ("SceneNotFound", "There is no scene 'x'")
    assert summary["status"] == "failed"
    assert metrics_of(capsys) == {"JobsFailed": 1}


@pytest.mark.usefixtures("store")
def test_log_job_says_something_of_an_error_without_a_cause() -> None:
    summary = load("log_job")(
        {"job_id": "shot-1", "started": STARTED, "error": {"Error": "States.Timeout", "Cause": None}}
    )
    assert (summary["Error"], summary["Cause"]) == ("States.Timeout", "")


def test_log_job_says_why_a_segment_failed_where_its_map_does_not(
    store: S3Store, capsys: pytest.CaptureFixture[str]
) -> None:
    event = json.loads((FUNCTIONS.parent / "events" / "segment_failed.json").read_text(encoding="utf-8"))
    make_job(store, "1-3", buckets=BUCKETS, job_id=event["job_id"])
    assert load("log_job")(event) == {}
    assert metrics_of(capsys) == {"SegmentsFailed": 1}
    hidden = {
        "Error": "States.ExceedToleratedFailureThreshold",
        "Cause": "The tolerated failure threshold was exceeded",
    }
    summary = load("log_job")({"job_id": event["job_id"], "started": STARTED, "error": hidden})
    assert (summary["Error"], summary["Cause"]) == ("FrameInvalid", "Frame 7 is not fit to be stored: it is cut off.")


def test_log_job_reports_a_job_that_was_stopped(store: S3Store, capsys: pytest.CaptureFixture[str]) -> None:
    event = json.loads((FUNCTIONS.parent / "events" / "job_stopped.json").read_text(encoding="utf-8"))
    summary = load("log_job")(event)
    assert (summary["status"], summary["cause"]) == ("canceled", event["cause"])
    assert json.loads(store.get(BUCKETS.logs, summary["report"]["key"]) or b"")["summary"] == summary
    assert metrics_of(capsys) == {"JobsCanceled": 1}


# ── submit_job ──


@pytest.fixture
def machine(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> str:
    """A state machine that submit_job starts."""
    del store
    states = boto3.client("stepfunctions")
    arn: str = states.create_state_machine(
        name="render_job",
        definition='{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}',
        roleArn="arn:aws:iam::123456789012:role/render-job",
    )["stateMachineArn"]
    monkeypatch.setenv("STATE_MACHINE_ARN", arn)
    return arn


def test_submit_job_starts_once_and_afterwards_describes(
    store: S3Store, machine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store.put(BUCKETS.scenes, SCENE, b"scene")
    submit, request = load("submit_job"), {"file": SCENE, "start": "1", "end": "17"}
    first = submit(request)
    assert (first["started"], first["status"]) == (True, "running")
    put_frames(store, make_job(store, "1-17", buckets=BUCKETS, job_id=first["job_id"]), [1, 2])
    assert metrics_of(capsys) == {"JobsSubmitted": 1}
    second = submit(request)
    assert second["job_id"] == first["job_id"]
    assert (second["started"], second["status"]) == (False, "running")
    assert second["frames"] == {"done": 2, "total": 17}
    assert metrics_of(capsys) == {"JobsSubmitted": 0}
    started = boto3.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    assert [execution["name"] for execution in started] == [first["job_id"]]


@pytest.mark.usefixtures("machine")
def test_submit_job_refuses_what_is_not_there(store: S3Store) -> None:
    store.put(BUCKETS.scenes, SCENE, b"scene")
    with pytest.raises(SceneNotFound):
        load("submit_job")({"file": "film/sho.blend"})
    with pytest.raises(InvalidRequest, match=r"^file: "):
        load("submit_job")({"file": "../shot.blend"})


# ── collect_logs ──


def log_batch(part: str) -> str:
    record = LogRecord(
        time=STARTED,
        level="info",
        message="Rendered.",
        event=LogEvent.FRAME_RENDERED,
        worker="worker-1",
        job_id="shot-1",
    )
    return LogBatch(worker="worker-1", job_id="shot-1", part=part, records=[record]).model_dump_json()


def test_collect_logs_stores_the_rest_of_a_batch_with_a_broken_record(
    store: S3Store, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = load("collect_logs")(sqs_event(log_batch("1"), '{"worker": "worker-1"}', log_batch("2"), "no JSON"))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-1"}, {"itemIdentifier": "message-3"}]}
    stored = [stored.key for stored in store.list(BUCKETS.logs, "jobs/shot-1/logs/")]
    assert stored == [keys.log_part_key("shot-1", "worker-1", part) for part in ("1", "2")]
    assert json.loads(store.get(BUCKETS.logs, stored[0]) or b"")["event"] == LogEvent.FRAME_RENDERED
    assert metrics_of(capsys) == {"LogPiecesStored": 2, "FramesRendered": 2}


def test_collect_logs_counts_the_frames_of_its_own_stack(store: S3Store, capsys: pytest.CaptureFixture[str]) -> None:
    del store
    load("collect_logs")(sqs_event(log_batch("1")))
    (record,) = (json.loads(line) for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line)
    (group,) = record["_aws"]["CloudWatchMetrics"]
    # What the alarm for a stuck job asks for: the template's test holds it against this.
    assert (group["Namespace"], group["Dimensions"]) == ("Frameloom", [["service"]])
    assert record["service"] == ENVIRONMENT["POWERTOOLS_SERVICE_NAME"]


def test_collect_logs_counts_no_frames_where_nothing_is_logged(
    store: S3Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load("collect_logs")({"pulse": True}) == {"batchItemFailures": []}
    assert metrics_of(capsys) == {"FramesRendered": 0}
    assert list(store.list(BUCKETS.logs, "")) == []


def test_collect_logs_takes_a_batch_twice(store: S3Store) -> None:
    collect = load("collect_logs")
    for _ in range(2):
        assert collect(sqs_event(log_batch("1"))) == {"batchItemFailures": []}
    assert len(list(store.list(BUCKETS.logs, ""))) == 1


# ── fail_lost_chunk ──


def lost_chunk(job: Job, token: str = "token") -> str:  # noqa: S107
    message = ChunkMessage(
        version=1,
        task_token=token,
        job_id=job.job_id,
        chunk_id="1-000000",
        attempt=0,
        scene=job.scene,
        frames="1-3",
        output=job.outputs,
        settings=job.settings,
    )
    return json.dumps(message.to_json())


def test_fail_lost_chunk_takes_what_is_no_chunk_off_the_queue(
    store: S3Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kept, it would come back until it expired, and keep every other message of its batch waiting."""
    answer = load("fail_lost_chunk")(sqs_event("no chunk", "{}", "[" * 100_000))
    assert answer == {"batchItemFailures": []}
    assert list(store.list(BUCKETS.logs, "")) == []
    assert metrics_of(capsys) == {"StrangeMessages": 3}


WAITING: dict[str, Any] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
    "HeartbeatSeconds": 60,
    "TimeoutSeconds": 120,
    "End": True,
}


def test_fail_lost_chunk_ends_the_task_that_waits(store: S3Store, capsys: pytest.CaptureFixture[str]) -> None:
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        job = make_job(store, "1-3", buckets=BUCKETS)
        sqs, states = boto3.client("sqs"), boto3.client("stepfunctions")
        url = sqs.create_queue(QueueName="chunks")["QueueUrl"]
        task = WAITING | {"Parameters": {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}}}
        execution = states.start_execution(
            stateMachineArn=states.create_state_machine(
                name="waits",
                definition=json.dumps({"StartAt": "Wait", "States": {"Wait": task}}),
                roleArn="arn:aws:iam::123456789012:role/render-job",
            )["stateMachineArn"],
            name="wait",
            input="{}",
        )["executionArn"]
        message = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"][0]
        body = lost_chunk(job, json.loads(message["Body"])["token"])
        # The second is of a job that is gone: it is recorded, and no error.
        assert load("fail_lost_chunk")(sqs_event(body, lost_chunk(job, "dead"))) == {"batchItemFailures": []}
        ended = wait_until_ended(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "ChunkLost")
    assert [result.error for result in job_documents.chunk_results(store, BUCKETS, "shot-1")] == ["ChunkLost"]
    assert metrics_of(capsys)["ChunksLost"] == 2


def wait_until_ended(execution: str) -> dict[str, Any]:
    states = boto3.client("stepfunctions")
    deadline = time.monotonic() + 30
    while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline, "the execution never ended"
        time.sleep(0.05)
    return dict(found)
