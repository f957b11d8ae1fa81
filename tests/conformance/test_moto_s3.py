"""Buckets of a farm behave as in S3; each canary runs unpatched moto."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import psutil
import pytest
from moto.s3 import notifications
from moto.s3.models import S3Backend, s3_backends

from frameloom.local.local_farm import LocalFarm
from tests.conformance.moto_farm import ACCOUNT, REGION, deploy, drain
from tests.small_farm import client, wait_until

BUCKET = {
    "B": {
        "Type": "AWS::S3::Bucket",
        "Properties": {
            "VersioningConfiguration": {"Status": "Enabled"},
            "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        },
    }
}


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.canary("s3._create_with_properties")
def test_canary_buckets_of_a_stack_lack_versions_and_events() -> None:
    name = deploy(boto3.client("cloudformation"), BUCKET, {"Name": {"Ref": "B"}})["Name"]
    bucket = s3_backends[ACCOUNT]["aws"].get_bucket(name)
    assert bucket.versioning_status is None
    assert bucket.notification_configuration is None


def test_buckets_of_a_stack_keep_versions(farm: LocalFarm) -> None:
    s3, bucket = client(farm, "s3"), farm.outputs["ScenesBucketName"]
    first, second = (s3.put_object(Bucket=bucket, Key="twice", Body=body)["VersionId"] for body in (b"1", b"2"))
    assert s3.get_object(Bucket=bucket, Key="twice", VersionId=first)["Body"].read() == b"1"
    assert first != second


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.canary("s3_objects._store_in_closed_files")
def test_canary_small_objects_stay_in_memory_and_large_ones_in_open_files() -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="bucket")
    for megabytes in (4, 6):
        s3.put_object(Bucket="bucket", Key=str(megabytes), Body=bytes(megabytes * 2**20))
    small, large = (s3_backends[ACCOUNT]["aws"].get_object("bucket", key) for key in ("4", "6"))
    assert small._value_buffer._rolled is False
    assert large._value_buffer._rolled is True
    assert large._value_buffer.fileno() >= 0, "the file is open"


def in_parts(s3: Any, bucket: str, key: str, body: bytes, **condition: str) -> None:
    """Write an object as a multipart upload with a condition."""
    place = {"Bucket": bucket, "Key": key, "UploadId": s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]}
    tag = s3.upload_part(**place, PartNumber=1, Body=body)["ETag"]
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]}, **condition)


def raced(s3: Any, bucket: str, key: str, rounds: int) -> int:
    """Return how many of two concurrent uploads with If-None-Match succeeded, in this many rounds."""

    def write(name: str) -> bool:
        try:
            in_parts(s3, bucket, name, b"film" * 500_000, IfNoneMatch="*")
        except s3.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "PreconditionFailed"  # noqa: PT017
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        return sum(sum(pool.map(write, [f"{key}-{number}"] * 2)) for number in range(rounds))


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.canary("s3._write_conditionally")
def test_canary_a_multipart_upload_ignores_if_match() -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="bucket")
    in_parts(s3, "bucket", "film.mp4", b"first")
    in_parts(s3, "bucket", "film.mp4", b"second", IfMatch="another")
    assert s3.get_object(Bucket="bucket", Key="film.mp4")["Body"].read() == b"second"


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.canary("s3._write_conditionally")
def test_canary_two_concurrent_uploads_with_if_none_match_both_succeed(monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="bucket")
    barrier, complete = threading.Barrier(2, timeout=10), S3Backend.complete_multipart_upload

    def together(*args: Any) -> Any:
        barrier.wait()
        return complete(*args)

    monkeypatch.setattr(S3Backend, "complete_multipart_upload", together)
    assert raced(s3, "bucket", "film.mp4", rounds=1) == 2


def test_a_conditional_write_is_checked_and_one_of_two_concurrent_ones_succeeds(farm: LocalFarm) -> None:
    s3, bucket = client(farm, "s3"), farm.outputs["ScenesBucketName"]
    in_parts(s3, bucket, "film.mp4", b"first", IfNoneMatch="*")
    first = s3.head_object(Bucket=bucket, Key="film.mp4")["ETag"]
    in_parts(s3, bucket, "film.mp4", b"second", IfMatch=first)
    for key, code in (("film.mp4", "PreconditionFailed"), ("gone.mp4", "NoSuchKey")):
        with pytest.raises(s3.exceptions.ClientError, match=code):
            in_parts(s3, bucket, key, b"third", IfMatch=first)
    assert s3.get_object(Bucket=bucket, Key="film.mp4")["Body"].read() == b"second"
    assert raced(s3, bucket, "raced.mp4", rounds=5) == 5


def test_large_objects_are_stored_in_closed_files(farm: LocalFarm) -> None:
    s3, bucket, content = client(farm, "s3"), farm.outputs["LogBucketName"], bytes(range(256)) * 400
    before = len(list((farm.work_dir / "tmp").glob("object-*")))
    for number in range(3):
        s3.put_object(Bucket=bucket, Key=f"objects/{number}", Body=content)
    s3.put_object(Bucket=bucket, Key="objects/small", Body=content[:1000])
    files = list((farm.work_dir / "tmp").glob("object-*"))
    assert len(files) == before + 3
    held = {opened.path for child in psutil.Process().children(recursive=True) for opened in child.open_files()}
    assert held.isdisjoint(map(str, files))
    assert s3.get_object(Bucket=bucket, Key="objects/1")["Body"].read() == content
    assert s3.get_object(Bucket=bucket, Key="objects/1", Range="bytes=3-5")["Body"].read() == content[3:6]
    assert s3.get_object(Bucket=bucket, Key="objects/small")["Body"].read() == content[:1000]
    s3.put_object(Bucket=bucket, Key="objects/0", Body=b"now small")
    assert s3.get_object(Bucket=bucket, Key="objects/0")["Body"].read() == b"now small"
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": f"objects/{name}"} for name in (0, 1, 2, "small")]})
    wait_until(
        lambda: len(list((farm.work_dir / "tmp").glob("object-*"))) <= before,
        "files are deleted",
    )


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, bool]]:
    """Events of unpatched S3: the event's name, and whether the object already had its metadata."""
    events: list[tuple[Any, bool]] = []
    monkeypatch.setattr(
        notifications,
        "_send_event_bridge_message",
        lambda _account, _bucket, name, key: events.append((name, "frames" in str(key.metadata))),
    )
    return events


def plain_bucket() -> Any:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="scenes")
    s3.put_bucket_notification_configuration(
        Bucket="scenes", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    return s3


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.canary("s3._hold_event", "s3._send_held_events")
def test_canary_events_precede_the_metadata_and_tags_have_their_own(
    sent: list[tuple[Any, bool]],
) -> None:
    plain_bucket().put_object(Bucket="scenes", Key="a.blend", Metadata={"frames": "1-3"})
    (first, had_metadata), (second, _) = sent
    assert (first, had_metadata) == ("s3:ObjectCreated:Put", False)
    assert second == "s3:ObjectTagging:Put"


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.canary("s3._hold_event")
def test_canary_a_multipart_upload_sends_two_events(sent: list[tuple[Any, bool]]) -> None:
    large_upload(plain_bucket(), "scenes", "a.blend")
    names = [name for name, _ in sent]
    assert {"s3:ObjectCreated:Put", "s3:ObjectCreated:CompleteMultipartUpload"} <= set(names)


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.canary("s3._send_to_event_bridge")
def test_canary_events_do_not_have_the_shape_of_s3() -> None:
    queue = boto3.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    rule_to_queue(boto3.client("events"), "q")
    plain_bucket().put_object(Bucket="scenes", Key="a.blend")
    received = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    stored = json.loads(received[0]["Body"])["detail"]
    assert "eTag" in stored["object"]
    assert stored["reason"] == "ObjectCreated"


def test_an_object_sends_one_event_in_the_shape_of_s3(farm: LocalFarm) -> None:
    s3, sqs, bucket = client(farm, "s3"), client(farm, "sqs"), farm.outputs["ScenesBucketName"]
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    rule_to_queue(client(farm, "events"), "events")
    s3.put_object(Bucket=bucket, Key="put", Body=b"12", Metadata={"frames": "1-3"})
    large_upload(s3, bucket, "large")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "put"})
    events = [json.loads(message["Body"]) for message in drain(sqs, url)]
    assert [(event["detail"]["object"]["key"], event["detail"]["reason"]) for event in events] == [
        ("put", "PutObject"),
        ("large", "CompleteMultipartUpload"),
        ("copy", "CopyObject"),
    ]
    assert len({event["id"] for event in events}) == 3
    sequence = [event["detail"]["object"]["sequencer"] for event in events]
    assert sequence == sorted(sequence)


def rule_to_queue(events: Any, queue: str) -> None:
    events.put_rule(Name=queue, EventPattern='{"source": ["aws.s3"], "detail-type": ["Object Created"]}')
    events.put_targets(Rule=queue, Targets=[{"Id": "1", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"}])


def large_upload(s3: Any, bucket: str, key: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload=parts)
