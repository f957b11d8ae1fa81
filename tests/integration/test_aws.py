"""The only boto3: stores, queues, executions and tokens against moto; the fakes keep the same contract."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, IncompleteReadError
from botocore.response import StreamingBody
from botocore.stub import Stubber
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from frameloom.aws import clients
from frameloom.aws.executions import MAX_CAUSE, MAX_ERROR, JobExecutions, TaskTokens
from frameloom.aws.queue import Queue
from frameloom.aws.stack import find_stack, stack_of
from frameloom.aws.store import ATTEMPTS, S3Store
from frameloom.model.errors import FarmUnavailable
from frameloom.model.job_status import JobStatus
from frameloom.services.storage.ports import Executions, Store, StreamStore, Taken, Tokens, UnknownToken
from frameloom.testing import MemoryExecutions, MemoryStore, MemoryTokens

ROLE = "arn:aws:iam::123456789012:role/render-job"
MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:render_job"
EXECUTION = "arn:aws:states:eu-central-1:123456789012:execution:render_job"
NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
DEFINITION = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})


@pytest.fixture
def aws() -> Iterator[None]:
    """An empty account."""
    with mock_aws():
        yield


def make_bucket(name: str = "bucket", *, versioned: bool = True) -> S3Store:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    if versioned:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return S3Store()


# ── Stores: what holds for S3 holds for the one in memory ──


@pytest.fixture(params=[make_bucket, MemoryStore])
def store(request: pytest.FixtureRequest) -> StreamStore:
    request.getfixturevalue("aws")
    make: Callable[[], StreamStore] = request.param
    return make()


def keys_of(store: Store, prefix: str = "", *, after: str = "") -> list[str]:
    return [stored.key for stored in store.list("bucket", prefix, after=after)]


def test_an_object_comes_back_as_it_was_put(store: Store) -> None:
    data = bytes(range(256))
    store.put("bucket", "a/b.bin", data)
    assert store.get("bucket", "a/b.bin") == data
    store.put("bucket", "a/b.bin", b"")
    assert store.get("bucket", "a/b.bin") == b""


@pytest.mark.parametrize(
    "key", ["film/sho", "film/shot", "film/shot.blend/", "film/shot.blend2", "film/", "Film/shot.blend"]
)
def test_only_the_exact_key_is_there(store: Store, key: str) -> None:
    store.put("bucket", "film/shot.blend", b"scene")
    assert store.head("bucket", key) is None
    assert store.get("bucket", key) is None
    assert store.head("bucket", "film/shot.blend") is not None


def test_a_head_says_what_an_object_is(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "shot.blend"
    path.write_bytes(b"scene")
    store.upload(path, "bucket", "shot.blend", metadata={"frames": "1-3", "frameloom-start": "no"})
    first = store.head("bucket", "shot.blend")
    assert first is not None
    assert (first.key, first.size) == ("shot.blend", 5)
    assert dict(first.metadata) == {"frames": "1-3", "frameloom-start": "no"}
    assert first.etag
    assert '"' not in first.etag
    store.put("bucket", "shot.blend", b"edited")
    second = store.head("bucket", "shot.blend")
    assert second is not None
    assert (second.size, dict(second.metadata)) == (6, {})
    assert first.version
    assert second.version
    assert second.version != first.version
    assert second.etag != first.etag


def test_more_than_a_page_of_objects_is_listed_in_order(store: Store) -> None:
    """S3 lists 1,000 keys at a time; past them the original's deletes broke."""
    names = [f"shot/{number:06d}.png" for number in range(1, 2102)]
    # Past HTTP, where each would take some milliseconds.
    put = store.put if isinstance(store, MemoryStore) else s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object
    for name in [*reversed(names), "shot2/000001.png"]:
        put("bucket", name, b"x")
    assert keys_of(store, "shot/") == names
    assert keys_of(store, "shot/", after=names[999]) == names[1000:]


def test_a_listing_begins_after_a_key_whether_it_is_there_or_not(store: Store) -> None:
    for name in ("a/1", "a/2", "a/3", "b/1"):
        store.put("bucket", name, b"x")
    assert keys_of(store, "a/", after="a/1") == ["a/2", "a/3"]
    assert keys_of(store, "a/", after="a/10") == ["a/2", "a/3"]
    assert keys_of(store, "a/", after="a/3") == []
    assert keys_of(store) == ["a/1", "a/2", "a/3", "b/1"]
    assert keys_of(store, "c/") == []


def test_a_listing_is_in_the_order_of_the_keys_bytes(store: Store) -> None:
    names = ["Z", "a", "z", "ä", "片", "\U0001f3ac"]
    for name in reversed(names):
        store.put("bucket", name, b"x")
    assert keys_of(store) == sorted(names, key=str.encode)


def test_a_listing_tells_sizes(store: Store) -> None:
    store.put("bucket", "a", b"123")
    store.put("bucket", "b", b"")
    assert [(stored.key, stored.size, stored.version) for stored in store.list("bucket", "")] == [
        ("a", 3, None),
        ("b", 0, None),
    ]


def test_a_file_comes_back_as_it_was_uploaded(store: Store, tmp_path: Path) -> None:
    # Over the 8 MB from which boto3 sends and fetches in parts.
    data = bytes(range(256)) * 4 * 9 * 1024
    (tmp_path / "up").write_bytes(data)
    store.upload(tmp_path / "up", "bucket", "film.mp4", content_type="video/mp4")
    store.download("bucket", "film.mp4", tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == data


def test_bytes_are_read_out_of_the_object_that_was_found(store: StreamStore) -> None:
    store.put("bucket", "film.mp4", bytes(range(256)))
    found = store.head("bucket", "film.mp4")
    assert found is not None
    assert store.read("bucket", "film.mp4", start=0, length=256, etag=found.etag) == bytes(range(256))
    assert store.read("bucket", "film.mp4", start=100, length=3, etag=found.etag) == bytes([100, 101, 102])
    store.put("bucket", "film.mp4", bytes(256))
    with pytest.raises(LookupError, match=r"film\.mp4"):
        store.read("bucket", "film.mp4", start=100, length=3, etag=found.etag)
    with pytest.raises(LookupError, match=r"gone\.mp4"):
        store.read("bucket", "gone.mp4", start=100, length=3, etag=found.etag)


def test_an_object_is_stored_in_parts_whatever_their_order(store: StreamStore) -> None:
    with store.in_parts("bucket", "film.mp4", content_type="video/mp4") as parts:
        parts.put(3, b"end")
        parts.put(1, b"1" * 5 * 1024 * 1024)
        parts.put(2, b"2" * 5 * 1024 * 1024)
        assert store.get("bucket", "film.mp4") is None
    assert store.get("bucket", "film.mp4") == b"1" * 5 * 1024 * 1024 + b"2" * 5 * 1024 * 1024 + b"end"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_of_an_object_in_parts_nothing_stays_after_an_error(store: StreamStore, error: type[BaseException]) -> None:
    store.put("bucket", "film.mp4", b"the film of yesterday")
    with suppress(error), store.in_parts("bucket", "film.mp4") as parts:
        parts.put(1, b"half of it")
        raise error
    assert store.get("bucket", "film.mp4") == b"the film of yesterday"
    assert not isinstance(store, S3Store) or no_upload_is_under_way()


def test_an_object_in_parts_replaces_the_one_that_it_names_and_no_other(store: StreamStore) -> None:
    def write(data: bytes, replaces: str | None) -> None:
        with store.in_parts("bucket", "film.mp4", metadata={"frameloom-film": "x"}, replaces=replaces) as parts:
            parts.put(1, data)

    write(b"first", None)
    first = store.head("bucket", "film.mp4")
    assert first is not None
    assert first.metadata == {"frameloom-film": "x"}
    with pytest.raises(Taken):
        write(b"second", None)
    write(b"second", first.etag)
    assert store.get("bucket", "film.mp4") == b"second"
    if isinstance(store, S3Store):
        # Unpatched moto ignores the condition; tests/conformance/test_moto_s3.py has its patch.
        assert no_upload_is_under_way()
    else:
        with pytest.raises(Taken):
            write(b"third", first.etag)


@pytest.mark.usefixtures("aws")
def test_nor_does_it_where_s3_does_not_put_the_parts_together() -> None:
    store, unending = make_bucket(), ExitStack()
    parts = unending.enter_context(store.in_parts("bucket", "film.mp4"))
    parts.put(1, b"too short")
    parts.put(2, b"the end")
    with pytest.raises(ClientError, match="EntityTooSmall"):
        unending.close()
    assert store.head("bucket", "film.mp4") is None
    assert no_upload_is_under_way()


def no_upload_is_under_way() -> bool:
    return "Uploads" not in boto3.client("s3").list_multipart_uploads(Bucket="bucket")


@pytest.mark.usefixtures("aws")
def test_an_answer_that_is_cut_off_is_asked_for_again() -> None:
    make_bucket().put("bucket", "film.mp4", b"a film")
    s3, whole, cut = boto3.client("s3"), 0, 0

    class Short(io.BytesIO):
        def read(self, *_: object) -> bytes:
            return b""

    def shorten(parsed: dict[str, Any], **_: object) -> None:
        nonlocal whole, cut
        whole, cut = (whole, cut + 1) if cut < refusals else (whole + 1, cut)
        if not whole:
            parsed["Body"] = StreamingBody(Short(), parsed["ContentLength"])

    s3.meta.events.register("after-call.s3.GetObject", shorten)
    refusals = ATTEMPTS - 1
    assert S3Store(s3).get("bucket", "film.mp4") == b"a film"
    whole, cut, refusals = 0, 0, ATTEMPTS
    with pytest.raises(IncompleteReadError):
        S3Store(s3).get("bucket", "film.mp4")


def test_a_version_is_downloaded_whatever_was_uploaded_since(store: Store, tmp_path: Path) -> None:
    store.put("bucket", "shot.blend", b"first")
    first = store.head("bucket", "shot.blend")
    assert first is not None
    store.put("bucket", "shot.blend", b"second")
    store.download("bucket", "shot.blend", tmp_path / "first", version=first.version)
    store.download("bucket", "shot.blend", tmp_path / "newest")
    assert (tmp_path / "first").read_bytes() == b"first"
    assert (tmp_path / "newest").read_bytes() == b"second"


def test_what_is_not_there_cannot_be_downloaded(store: Store, tmp_path: Path) -> None:
    store.put("bucket", "shot.blend", b"scene")
    with pytest.raises(LookupError, match=r"film\.mp4"):
        store.download("bucket", "film.mp4", tmp_path / "x")
    with pytest.raises(LookupError, match=r"shot\.blend"):
        store.download("bucket", "shot.blend", tmp_path / "x", version="00000000-0000-0000-0000-000000000000")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("aws")
def test_objects_are_stored_as_what_they_are(tmp_path: Path) -> None:
    store = make_bucket()
    store.put("bucket", "a", b"{}", content_type="application/json")
    (tmp_path / "b").write_bytes(b"film")
    store.upload(tmp_path / "b", "bucket", "b", content_type="video/mp4")
    types = [boto3.client("s3").head_object(Bucket="bucket", Key=key)["ContentType"] for key in ("a", "b")]
    assert types == ["application/json", "video/mp4"]


@pytest.mark.usefixtures("aws")
def test_a_bucket_that_keeps_no_versions_names_none() -> None:
    store = make_bucket(versioned=False)
    store.put("bucket", "shot.blend", b"scene")
    stored = store.head("bucket", "shot.blend")
    assert stored is not None
    assert stored.version is None


@pytest.mark.usefixtures("aws")
def test_a_bucket_that_is_not_there_is_an_error_not_an_absent_key() -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        S3Store().get("nobody", "shot.blend")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        list(S3Store().list("nobody", ""))


@pytest.mark.parametrize("operation", ["get", "head"])
def test_a_denial_is_not_taken_for_absence(operation: str) -> None:
    s3 = boto3.client("s3")
    with Stubber(s3) as stub:
        stub.add_client_error(f"{operation}_object", "AccessDenied" if operation == "get" else "403")
        with pytest.raises(ClientError):
            getattr(S3Store(s3), operation)("bucket", "shot.blend")


# ── The queue ──

LEASE = timedelta(seconds=30)
AT_ONCE = timedelta(0)


@pytest.fixture
def queue(request: pytest.FixtureRequest) -> Queue:
    request.getfixturevalue("aws")
    return Queue(boto3.client("sqs").create_queue(QueueName="chunks")["QueueUrl"])


def test_a_message_is_leased_to_one_worker_and_deleted_by_it(queue: Queue) -> None:
    queue.send('{"chunk": "ü"}')
    message = queue.receive(lease=LEASE, wait=AT_ONCE)
    assert message is not None
    assert (message.body, message.receives) == ('{"chunk": "ü"}', 1)
    assert queue.receive(lease=LEASE, wait=AT_ONCE) is None
    assert queue.renew(message.receipt, LEASE)
    queue.delete(message.receipt)
    assert queue.receive(lease=LEASE, wait=AT_ONCE) is None


def test_an_empty_queue_gives_nothing(queue: Queue) -> None:
    assert queue.receive(lease=LEASE, wait=AT_ONCE) is None


def test_a_lease_that_ran_out_goes_to_the_next_worker_and_is_counted(queue: Queue) -> None:
    queue.send("chunk")
    first = queue.receive(lease=AT_ONCE, wait=AT_ONCE)
    second = queue.receive(lease=LEASE, wait=AT_ONCE)
    assert first is not None
    assert second is not None
    assert (second.body, second.receives) == ("chunk", 2)


def test_a_renewal_keeps_the_message_from_others(queue: Queue) -> None:
    queue.send("chunk")
    message = queue.receive(lease=timedelta(seconds=1), wait=AT_ONCE)
    assert message is not None
    assert queue.renew(message.receipt, LEASE)
    assert queue.receive(lease=LEASE, wait=timedelta(seconds=2)) is None


def test_a_lost_lease_cannot_be_renewed_and_its_message_not_deleted_twice(queue: Queue) -> None:
    queue.send("chunk")
    message = queue.receive(lease=LEASE, wait=AT_ONCE)
    assert message is not None
    queue.delete(message.receipt)
    assert queue.renew(message.receipt, LEASE) is False
    queue.delete(message.receipt)


@pytest.mark.parametrize(
    "code",
    [
        "AWS.SimpleQueueService.MessageNotInflight",
        "MessageNotInflight",
        "ReceiptHandleIsInvalid",
        "InvalidParameterValue",
    ],
)
def test_every_way_that_sqs_says_lost_is_understood(code: str) -> None:
    sqs = boto3.client("sqs")
    with Stubber(sqs) as stub:
        stub.add_client_error("change_message_visibility", code)
        stub.add_client_error("delete_message", code)
        assert Queue("https://sqs/chunks", sqs).renew("receipt", LEASE) is False
        Queue("https://sqs/chunks", sqs).delete("receipt")
        stub.assert_no_pending_responses()


def test_other_errors_of_the_queue_are_raised() -> None:
    sqs = boto3.client("sqs")
    with Stubber(sqs) as stub:
        for operation in ("change_message_visibility", "delete_message"):
            stub.add_client_error(operation, "AWS.SimpleQueueService.NonExistentQueue")
        with pytest.raises(ClientError):
            Queue("https://sqs/chunks", sqs).renew("receipt", LEASE)
        with pytest.raises(ClientError):
            Queue("https://sqs/chunks", sqs).delete("receipt")


# ── Jobs ──


def make_machine() -> JobExecutions:
    machine = boto3.client("stepfunctions").create_state_machine(name="render_job", definition=DEFINITION, roleArn=ROLE)
    return JobExecutions(machine["stateMachineArn"])


@pytest.fixture(params=[make_machine, MemoryExecutions])
def executions(request: pytest.FixtureRequest) -> Executions:
    request.getfixturevalue("aws")
    make: Callable[[], Executions] = request.param
    return make()


def test_a_job_starts_once(executions: Executions) -> None:
    assert executions.start("shot-1", {"file": "shot.blend"}) is True
    assert executions.start("shot-1", {"file": "shot.blend"}) is False
    assert executions.start("shot-1", {"file": "other.blend"}) is False
    assert executions.start("shot-2", {"file": "shot.blend"}) is True
    job = executions.describe("shot-1")
    assert job is not None
    assert (job.job_id, job.status, job.input) == ("shot-1", JobStatus.RUNNING, {"file": "shot.blend"})
    assert job.ended is None


def test_a_job_that_has_ended_is_not_started_again(executions: Executions) -> None:
    executions.start("shot-1", {})
    executions.stop("shot-1", reason="told to")
    assert executions.start("shot-1", {}) is False


def test_a_job_is_canceled_and_stays_canceled(executions: Executions) -> None:
    executions.start("shot-1", {})
    executions.stop("shot-1", reason="told to")
    job = executions.describe("shot-1")
    assert job is not None
    assert job.status is JobStatus.CANCELED
    assert job.ended is not None
    assert job.ended >= job.started
    executions.stop("shot-1", reason="again")
    again = executions.describe("shot-1")
    assert again is not None
    assert again.status is JobStatus.CANCELED


def test_a_cancellation_says_why() -> None:
    executions = MemoryExecutions()
    executions.start("shot-1", {})
    executions.stop("shot-1", reason="told to")
    executions.stop("shot-1", reason="again")
    job = executions.describe("shot-1")
    assert job is not None
    assert (job.error, job.cause) == ("Canceled", "told to")
    states = boto3.client("stepfunctions")
    with Stubber(states) as stub:
        arguments = {"executionArn": f"{EXECUTION}:shot-1", "error": "Canceled", "cause": "r" * MAX_CAUSE}
        stub.add_response("stop_execution", {"stopDate": NOW}, arguments)
        JobExecutions(MACHINE, states).stop("shot-1", reason="r" * 100_000)
        stub.assert_no_pending_responses()


def test_a_job_that_is_not_there_is_none_and_cannot_be_canceled(executions: Executions) -> None:
    assert executions.describe("nothing") is None
    with pytest.raises(LookupError, match="nothing"):
        executions.stop("nothing", reason="told to")


def test_what_cannot_be_an_id_is_no_job_either(executions: Executions) -> None:
    for name in ("no job", "shot[1]", "shot-1:2", "ü\n"):
        assert executions.describe(name) is None
    states = boto3.client("stepfunctions")
    with Stubber(states) as stub:
        stub.add_client_error("describe_execution", "InvalidArn", "Invalid Arn")
        assert JobExecutions(MACHINE, states).describe("no job") is None


def test_the_newest_jobs_come_first(executions: Executions) -> None:
    assert executions.list(limit=5) == []
    names = [f"shot-{number:03d}" for number in range(120)]
    for name in names:
        executions.start(name, {})
    for limit in (1, 5, 101, 1500):
        assert [job.job_id for job in executions.list(limit=limit)] == names[::-1][:limit]
    assert executions.list(limit=1)[0].input is None


def test_an_execution_that_another_started_meanwhile_was_started_before() -> None:
    states = boto3.client("stepfunctions")
    with Stubber(states) as stub:
        stub.add_client_error("describe_execution", "ExecutionDoesNotExist")
        stub.add_client_error("start_execution", "ExecutionAlreadyExists")
        assert JobExecutions("arn:aws:states:::stateMachine:m", states).start("shot-1", {}) is False


@pytest.mark.parametrize(
    ("status", "word"), [("SUCCEEDED", "succeeded"), ("TIMED_OUT", "failed"), ("ABORTED", "canceled")]
)
def test_step_functions_words_become_the_farms(status: str, word: str) -> None:
    states = boto3.client("stepfunctions")
    found = {
        "executionArn": EXECUTION,
        "stateMachineArn": MACHINE,
        "name": "shot-1",
        "status": status,
        "startDate": NOW,
    }
    with Stubber(states) as stub:
        stub.add_response("describe_execution", found | {"output": '{"a": 1}'}, {"executionArn": f"{EXECUTION}:shot-1"})
        job = JobExecutions(MACHINE, states).describe("shot-1")
    assert job is not None
    assert (str(job.status), job.output, job.started) == (word, {"a": 1}, "2026-11-23T06:00:00+00:00")


# ── Task tokens ──


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist"])
def test_a_dead_token_is_no_error_however_step_functions_says_it(code: str) -> None:
    states = boto3.client("stepfunctions")
    tokens = TaskTokens(states)
    with Stubber(states) as stub:
        for operation in ("send_task_heartbeat", "send_task_success", "send_task_failure"):
            stub.add_client_error(operation, code)
        assert tokens.beat("token") is False
        assert tokens.succeed("token", {}) is False
        assert tokens.fail("token", error="E", cause="c") is False
        stub.assert_no_pending_responses()


def test_a_token_that_is_not_known_ends_no_task() -> None:
    states = boto3.client("stepfunctions")
    tokens = TaskTokens(states)
    with Stubber(states) as stub:
        for operation in ("send_task_heartbeat", "send_task_success", "send_task_failure"):
            stub.add_client_error(operation, "InvalidToken")
        for answer in (tokens.beat, lambda token: tokens.succeed(token, {})):
            with pytest.raises(UnknownToken):
                answer("token")
        with pytest.raises(UnknownToken):
            tokens.fail("token", error="E", cause="c")
        stub.assert_no_pending_responses()


def test_other_errors_of_step_functions_are_raised() -> None:
    states = boto3.client("stepfunctions")
    with Stubber(states) as stub:
        stub.add_client_error("send_task_heartbeat", "AccessDeniedException")
        with pytest.raises(ClientError):
            TaskTokens(states).beat("token")


def test_an_answer_fits_what_step_functions_takes() -> None:
    states = boto3.client("stepfunctions")
    with Stubber(states) as stub:
        stub.add_response("send_task_success", {}, {"taskToken": "token", "output": '{"rendered": 3}'})
        stub.add_response(
            "send_task_failure", {}, {"taskToken": "token", "error": "E" * MAX_ERROR, "cause": "c" * MAX_CAUSE}
        )
        tokens = TaskTokens(states)
        assert tokens.succeed("token", {"rendered": 3}) is True
        assert tokens.fail("token", error="E" * 1000, cause="c" * 100_000) is True


WAITING = {
    "StartAt": "Wait",
    "States": {
        "Wait": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl": "", "MessageBody": {"token.$": "$$.Task.Token"}},
            "HeartbeatSeconds": 60,
            "TimeoutSeconds": 120,
            "End": True,
        }
    },
}


@pytest.fixture
def token() -> Iterator[Callable[[], str]]:
    """Tokens of executions that wait for them."""
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        states = boto3.client("stepfunctions")
        queue = Queue(boto3.client("sqs").create_queue(QueueName="chunks")["QueueUrl"])
        WAITING["States"]["Wait"]["Parameters"]["QueueUrl"] = queue.url  # type: ignore[index]
        machine = states.create_state_machine(name="m", definition=json.dumps(WAITING), roleArn=ROLE)["stateMachineArn"]

        def start() -> str:
            states.start_execution(stateMachineArn=machine, input="{}", name="wait")
            message = queue.receive(lease=LEASE, wait=timedelta(seconds=10))
            assert message is not None
            found: str = json.loads(message.body)["token"]
            return found

        yield start


def test_tokens_are_alive_until_they_are_answered(token: Callable[[], str]) -> None:
    tokens, alive = TaskTokens(), token()
    assert tokens.beat(alive) is True
    assert tokens.succeed(alive, {"rendered": 3}) is True
    with pytest.raises(UnknownToken):
        tokens.beat("nobody's")


def test_memory_tokens_take_one_answer() -> None:
    tokens = MemoryTokens()
    port: Tokens = tokens
    assert tokens.beat("token")
    assert tokens.succeed("token", {"rendered": 3})
    assert not port.fail("token", error="E", cause="c")
    assert not tokens.beat("token")
    assert tokens.answers["token"].output == {"rendered": 3}


# ── The stack, the clients ──

OUTPUTS = {
    "ScenesBucketName": "scenes",
    "FramesBucketName": "frames",
    "LogBucketName": "logs",
    "ChunkQueueUrl": "https://sqs/chunks",
    "ChunkDeadLetterQueueUrl": "https://sqs/dead",
    "StateMachineArn": "arn:machine",
    "BlenderVersion": "4.5.15",
}


def deploy(outputs: dict[str, str]) -> None:
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    boto3.client("cloudformation").create_stack(StackName="farm", TemplateBody=json.dumps(template))


@pytest.mark.usefixtures("aws")
def test_a_farm_is_found_by_the_outputs_of_its_stack() -> None:
    deploy(OUTPUTS | {"Another": "x"})
    stack = find_stack("farm")
    assert (stack.buckets.scenes, stack.buckets.frames, stack.buckets.logs) == ("scenes", "frames", "logs")
    assert (stack.chunk_queue, stack.dead_letter_queue) == ("https://sqs/chunks", "https://sqs/dead")
    assert (stack.machine, stack.blender) == ("arn:machine", "4.5.15")


@pytest.mark.parametrize("missing", sorted(OUTPUTS))
def test_a_stack_that_is_no_farm_is_refused_with_what_it_lacks(missing: str) -> None:
    outputs = {name: value for name, value in OUTPUTS.items() if name != missing}
    with pytest.raises(FarmUnavailable, match=rf"'farm' is no Frameloom farm: it has no output '{missing}'"):
        stack_of(outputs, name="farm")


@pytest.mark.usefixtures("aws")
def test_a_stack_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(FarmUnavailable, match="'farm'"):
        find_stack("farm")


def test_aws_out_of_reach_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(clients, "CONFIG", Config(retries={"total_max_attempts": 1}))
    with pytest.raises(FarmUnavailable, match=r"127\.0\.0\.1:9"):
        find_stack("farm")
