"""S3 as the store; `MemoryStore` keeps the same contract."""

import io
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, IncompleteReadError
from botocore.response import StreamingBody
from botocore.stub import Stubber
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from frameloom.aws.store import ATTEMPTS, S3Store
from frameloom.services.storage.ports import Store, StreamStore, Taken
from frameloom.testing import MemoryStore


def make_bucket(name: str = "bucket", *, versioned: bool = True) -> S3Store:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    if versioned:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return S3Store()


@pytest.fixture(params=[make_bucket, MemoryStore])
def store(request: pytest.FixtureRequest) -> StreamStore:
    request.getfixturevalue("aws")
    make: Callable[[], StreamStore] = request.param
    return make()


def keys_of(store: Store, prefix: str = "", *, after: str = "") -> list[str]:
    return [stored.key for stored in store.list("bucket", prefix, after=after)]


def test_an_object_is_read_as_it_was_stored(store: Store) -> None:
    data = bytes(range(256))
    store.put("bucket", "a/b.bin", data)
    assert store.get("bucket", "a/b.bin") == data
    store.put("bucket", "a/b.bin", b"")
    assert store.get("bucket", "a/b.bin") == b""


@pytest.mark.parametrize(
    "key", ["film/sho", "film/shot", "film/shot.blend/", "film/shot.blend2", "film/", "Film/shot.blend"]
)
def test_only_the_exact_key_exists(store: Store, key: str) -> None:
    store.put("bucket", "film/shot.blend", b"scene")
    assert store.head("bucket", key) is None
    assert store.get("bucket", key) is None
    assert store.head("bucket", "film/shot.blend") is not None


def test_a_head_returns_size_version_tag_and_metadata(store: Store, tmp_path: Path) -> None:
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
    """S3 returns 1,000 keys per page; with more, deletions in the original farm failed."""
    names = [f"shot/{number:06d}.png" for number in range(1, 2102)]
    # Without HTTP, which would take milliseconds for each.
    put = store.put if isinstance(store, MemoryStore) else s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object
    for name in [*reversed(names), "shot2/000001.png"]:
        put("bucket", name, b"x")
    assert keys_of(store, "shot/") == names
    assert keys_of(store, "shot/", after=names[999]) == names[1000:]


def test_a_listing_starts_after_a_key_that_need_not_exist(store: Store) -> None:
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


def test_a_listing_returns_sizes(store: Store) -> None:
    store.put("bucket", "a", b"123")
    store.put("bucket", "b", b"")
    assert [(stored.key, stored.size, stored.version) for stored in store.list("bucket", "")] == [
        ("a", 3, None),
        ("b", 0, None),
    ]


def test_a_file_is_downloaded_as_it_was_uploaded(store: Store, tmp_path: Path) -> None:
    # More than 8 MB, from which boto3 transfers in parts.
    data = bytes(range(256)) * 4 * 9 * 1024
    (tmp_path / "up").write_bytes(data)
    store.upload(tmp_path / "up", "bucket", "film.mp4", content_type="video/mp4")
    store.download("bucket", "film.mp4", tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == data


def test_a_range_is_read_only_from_the_version_with_its_tag(store: StreamStore) -> None:
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


def test_an_object_is_stored_from_parts_in_any_order(store: StreamStore) -> None:
    with store.in_parts("bucket", "film.mp4", content_type="video/mp4") as parts:
        parts.put(3, b"end")
        parts.put(1, b"1" * 5 * 1024 * 1024)
        parts.put(2, b"2" * 5 * 1024 * 1024)
        assert store.get("bucket", "film.mp4") is None
    assert store.get("bucket", "film.mp4") == b"1" * 5 * 1024 * 1024 + b"2" * 5 * 1024 * 1024 + b"end"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_during_a_multipart_upload_leaves_no_parts(store: StreamStore, error: type[BaseException]) -> None:
    store.put("bucket", "film.mp4", b"the film of yesterday")
    with suppress(error), store.in_parts("bucket", "film.mp4") as parts:
        parts.put(1, b"half of it")
        raise error
    assert store.get("bucket", "film.mp4") == b"the film of yesterday"
    assert not isinstance(store, S3Store) or no_upload_is_under_way()


def test_a_multipart_upload_replaces_only_the_object_that_it_names(store: StreamStore) -> None:
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
        # moto ignores the condition without its patch, which tests/conformance/test_moto_s3.py tests.
        assert no_upload_is_under_way()
    else:
        with pytest.raises(Taken):
            write(b"third", first.etag)


@pytest.mark.usefixtures("aws")
def test_parts_that_s3_refuses_to_combine_are_deleted() -> None:
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
def test_a_response_that_breaks_off_is_requested_again() -> None:
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


def test_a_missing_object_or_version_cannot_be_downloaded(store: Store, tmp_path: Path) -> None:
    store.put("bucket", "shot.blend", b"scene")
    with pytest.raises(LookupError, match=r"film\.mp4"):
        store.download("bucket", "film.mp4", tmp_path / "x")
    with pytest.raises(LookupError, match=r"shot\.blend"):
        store.download("bucket", "shot.blend", tmp_path / "x", version="00000000-0000-0000-0000-000000000000")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("aws")
def test_objects_keep_their_content_type(tmp_path: Path) -> None:
    store = make_bucket()
    store.put("bucket", "a", b"{}", content_type="application/json")
    (tmp_path / "b").write_bytes(b"film")
    store.upload(tmp_path / "b", "bucket", "b", content_type="video/mp4")
    types = [boto3.client("s3").head_object(Bucket="bucket", Key=key)["ContentType"] for key in ("a", "b")]
    assert types == ["application/json", "video/mp4"]


@pytest.mark.usefixtures("aws")
def test_an_object_in_an_unversioned_bucket_has_no_version() -> None:
    store = make_bucket(versioned=False)
    store.put("bucket", "shot.blend", b"scene")
    stored = store.head("bucket", "shot.blend")
    assert stored is not None
    assert stored.version is None


@pytest.mark.usefixtures("aws")
def test_a_missing_bucket_is_an_error_not_a_missing_key() -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        S3Store().get("nobody", "shot.blend")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        list(S3Store().list("nobody", ""))


@pytest.mark.parametrize("operation", ["get", "head"])
def test_a_denied_request_is_not_a_missing_key(operation: str) -> None:
    s3 = boto3.client("s3")
    with Stubber(s3) as stub:
        stub.add_client_error(f"{operation}_object", "AccessDenied" if operation == "get" else "403")
        with pytest.raises(ClientError):
            getattr(S3Store(s3), operation)("bucket", "shot.blend")
