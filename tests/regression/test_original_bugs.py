"""The bugs of the system that this one replaces, each with a test that fails if the bug returns.

Two of its bugs are those of a worker and have their tests beside the worker's: a failure crashed it, and
it had no heartbeat.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.session import get_session
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from frameloom.aws.store import S3Store
from frameloom.model.errors import SceneNotFound
from frameloom.model.frames import FrameRange
from frameloom.model.job_status import JobStatus, of_execution
from frameloom.services.fail_lost_chunk import fail_lost_chunk
from frameloom.services.log_job import write_report
from frameloom.services.plan_chunks import plan
from frameloom.services.prepare_job import prepare
from frameloom.services.storage import job_documents
from frameloom.services.submit_job import describe, submit
from frameloom.testing import MemoryExecutions, MemoryStore, MemoryTokens
from tests.jobs import BUCKETS, S3_BUCKETS, STARTED, make_job, put_frames
from tests.scenes import make_scene
from tests.unit.test_fail_lost_chunk import MESSAGE
from tests.unit.test_log_job import NOW

ROOT = Path(__file__).resolve().parents[2]


# ── The split of a range into batches ignored the range's start ──


@pytest.mark.parametrize("frames", ["101-117", "-8-8", "2-18", "1000-1016"])
def test_chunks_start_at_the_first_frame_of_any_range(frames: str) -> None:
    store = MemoryStore()
    make_job(store, frames, chunk_size=5)
    planned = plan("shot-1", 1, store=store, buckets=BUCKETS)
    chunks = [
        list(FrameRange.parse(chunk["frames"]))
        for chunk in job_documents.read(store, planned["bucket"], planned["key"])
    ]
    first = FrameRange.parse(frames).spans[0][0]
    assert chunks == [list(range(first + at, first + min(at + 5, 17))) for at in (0, 5, 10, 15)]


# ── Messages were sent before the job's record existed ──


def test_nothing_is_planned_before_the_manifest_exists() -> None:
    with pytest.raises(LookupError, match="no manifest"):
        plan("shot-1", 1, store=MemoryStore(), buckets=BUCKETS)


def test_prepare_job_writes_only_the_manifest(tmp_path: Path) -> None:
    store = MemoryStore()
    store.upload(make_scene(tmp_path / "shot.blend"), BUCKETS.scenes, "shot.blend")
    prepare(
        {"file": "shot.blend"},
        job_id="shot-1",
        started=STARTED,
        store=store,
        buckets=BUCKETS,
        blenders=["4.5.15"],
        device="CPU",
    )
    assert [stored.key for stored in store.list(BUCKETS.logs, "")] == ["jobs/shot-1/job.json"]


@pytest.mark.parametrize("before", ["PrepareJob", "PlanChunks"])
def test_no_path_through_the_state_machine_sends_messages_before_the_manifest_is_written(before: str) -> None:
    machine = json.loads((ROOT / "statemachine" / "render_job.asl.json").read_text(encoding="utf-8"))
    assert "RenderChunks" in reachable(machine)
    assert "RenderChunks" not in reachable(machine, without=before)


def reachable(machine: dict[str, Any], *, without: str = "") -> set[str]:
    """Return the states that an execution can reach without the state `without`."""
    found: set[str] = set()
    waiting = [machine["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in found and name != without:
            found.add(name)
            waiting += list(nexts(machine["States"][name]))
    return found


def nexts(state: dict[str, Any]) -> Iterator[str]:
    for part in [state, *state.get("Choices", []), *state.get("Catch", [])]:
        yield from (part[field] for field in ("Next", "Default") if field in part)


# ── Two words for done, so completion was never reported ──


def test_a_finished_job_has_the_same_status_everywhere() -> None:
    store, executions = MemoryStore(), MemoryExecutions()
    put_frames(store, make_job(store, "1-3"), [1, 2, 3])
    executions.start("shot-1", {})
    summary = write_report("shot-1", started=STARTED, now=NOW, error=None, store=store, buckets=BUCKETS)
    executions.end("shot-1", of_execution("SUCCEEDED"), output=summary)
    execution = executions.describe("shot-1")
    assert execution is not None
    assert describe(execution, store=store, buckets=BUCKETS)["status"] == summary["status"] == "succeeded"


def test_every_execution_status_has_a_job_status() -> None:
    shape: Any = get_session().get_service_model("stepfunctions").shape_for("ExecutionStatus")
    words: list[str] = shape.enum
    assert {of_execution(word) for word in words} == set(JobStatus) - {JobStatus.QUEUED}


# ── A file name could be rendered once and never again ──


def test_a_changed_scene_request_or_run_renders_a_file_name_again() -> None:
    store, executions = MemoryStore(), MemoryExecutions()
    request = {"file": "shot.blend", "start": "1", "end": "17"}

    def started(event: dict[str, Any]) -> bool:
        answer = submit(event, store=store, executions=executions, buckets=BUCKETS)
        if answer["started"]:
            executions.end(answer["job_id"], JobStatus.SUCCEEDED)
        return bool(answer["started"])

    store.put(BUCKETS.scenes, "shot.blend", b"scene")
    assert started(request)
    assert not started(request)
    assert started(request | {"end": "20"})
    assert started(request | {"run": 2})
    store.put(BUCKETS.scenes, "shot.blend", b"edited")
    assert started(request)


def test_an_edited_scene_does_not_reuse_frames(tmp_path: Path) -> None:
    store = MemoryStore()
    for job_id, frames in (("one", (1, 5)), ("other", (1, 6))):
        store.upload(make_scene(tmp_path / "shot.blend", frames=frames), BUCKETS.scenes, "shot.blend")
        request = {"file": "shot.blend", "frames": "1-5"}
        prepare(
            request, job_id=job_id, started=STARTED, store=store, buckets=BUCKETS, blenders=["4.5.15"], device="CPU"
        )
    put_frames(store, job_documents.load_job(store, BUCKETS, "one"), range(1, 6))
    assert plan("one", 1, store=store, buckets=BUCKETS)["count"] == 0
    assert plan("other", 1, store=store, buckets=BUCKETS)["count"] > 0


# ── Errors were lost, and there was no dead-letter queue ──


def test_the_error_of_a_chunk_that_no_worker_finished_is_kept() -> None:
    store, tokens = MemoryStore(), MemoryTokens()
    fail_lost_chunk(json.dumps(MESSAGE), store=store, tokens=tokens, buckets=BUCKETS)
    assert [answer.error for answer in tokens.answers.values()] == ["ChunkLost"]
    assert [result.error for result in job_documents.chunk_results(store, BUCKETS, "shot-1")] == ["ChunkLost"]


# ── Deletes broke past 1,000 frames: S3 lists no more at a time ──


@pytest.fixture
def s3() -> Iterator[S3Store]:
    with mock_aws():
        for bucket in (S3_BUCKETS.scenes, S3_BUCKETS.frames, S3_BUCKETS.logs):
            boto3.client("s3").create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
            )
        yield S3Store()


def test_more_than_a_thousand_frames_are_all_found(s3: S3Store) -> None:
    job = make_job(s3, "1-2500", buckets=S3_BUCKETS)
    for frame in range(1, 2501):
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(S3_BUCKETS.frames, job.frame_key(frame), b"image")
    assert job_documents.present_frames(s3, job) == list(range(1, 2501))
    assert plan("shot-1", 1, store=s3, buckets=S3_BUCKETS)["count"] == 0


# ── A prefix match counted as 'the file exists' ──


@pytest.mark.parametrize("there", ["shot.blend.blend", "shot.blendx", "shot.blend/other.blend", "film/shot.blend"])
def test_a_scene_is_found_only_by_its_whole_key(s3: S3Store, there: str) -> None:
    s3.put(S3_BUCKETS.scenes, there, b"scene")
    with pytest.raises(SceneNotFound):
        submit({"file": "shot.blend"}, store=s3, executions=MemoryExecutions(), buckets=S3_BUCKETS)


def test_a_frame_is_found_only_by_its_whole_key(s3: S3Store) -> None:
    job = make_job(s3, "1-3", buckets=S3_BUCKETS)
    for key in (job.frame_key(1) + ".part", job.frame_key(2)[:-1], job.outputs.prefix + "x/000003.png"):
        s3.put(job.outputs.bucket, key, b"image")
    assert job_documents.present_frames(s3, job) == []


# ── Credentials were baked into the image ──

SECRETS = {
    "access key": re.compile(r"\b(?:AKIA|ASIA|AIDA|AROA)[0-9A-Z]{16}\b"),
    "private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "other services' tokens": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|xox[abprs]-[A-Za-z0-9-]{10,})"),
    # A word of forty base64 characters, with lower-case and upper-case letters and digits.
    "secret key": re.compile(
        r"(?<![A-Za-z0-9/+_.-])(?=[a-z0-9/+]*[A-Z])(?=[A-Z0-9/+]*[a-z])(?=[A-Za-z/+]*[0-9])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=_.-])"
    ),
}
# Shipped files set no credential, not even a harmless one.
SETTING = re.compile(
    r"(?i)aws_?(?:access_?key_?id|secret_?access_?key|session_?token)\W{0,3}\s*[=:]\s*\S|(?:COPY|ADD)\s.*\.aws\b|\bARG\s+AWS_"
)
SHIPPED = ("worker/", "functions/", "statemachine/", "events/", "template.yaml", "samconfig.toml")


def tracked(*folders: str) -> list[Path]:
    """Return the files below `folders` that git tracks or does not ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *folders]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def secrets_in(text: str) -> list[str]:
    return [kind for kind, pattern in SECRETS.items() if pattern.search(text)]


def test_no_credential_is_in_any_file() -> None:
    files = tracked()
    assert len(files) > 50
    found = {str(path.relative_to(ROOT)): secrets_in(path.read_text(encoding="latin-1")) for path in files}
    assert {name: kinds for name, kinds in found.items() if kinds} == {}


def test_no_shipped_file_sets_a_credential() -> None:
    files = tracked(*SHIPPED)
    assert {path.relative_to(ROOT).parts[0] + "/" for path in files if path.parent != ROOT} == {
        name for name in SHIPPED if name.endswith("/")
    }
    lines = [(path, line) for path in files for line in path.read_text(encoding="latin-1").splitlines()]
    assert [(str(path), line) for path, line in lines if SETTING.search(line)] == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("key = 'AKIA" + "IOSFODNN7EXAMPLE'", "access key"),
        ("AWS_SECRET=wJalrXUtnFEMI" + "/K7MDENG/bPxRfiCYEXAMPLEKEY", "secret key"),
        ("-----BEGIN RSA " + "PRIVATE KEY-----", "private key"),
        ("token: ghp_" + "a1B2" * 9, "other services' tokens"),
    ],
)
def test_a_planted_secret_is_found(text: str, kind: str) -> None:
    assert secrets_in(text) == [kind]


@pytest.mark.parametrize(
    "line",
    [
        "ENV AWS_SECRET_ACCESS_" + "KEY=x",
        "aws_access_" + 'key_id="x"',
        "      AWS_SESSION_" + "TOKEN: x",
        "COPY .aws /root/" + ".aws",
        "ARG AWS_" + "SECRET",
    ],
)
def test_a_planted_setting_is_found(line: str) -> None:
    assert SETTING.search(line)
