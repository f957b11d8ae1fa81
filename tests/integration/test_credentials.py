"""Credentials that another program rotates, with a server that accepts only the newest."""

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from frameloom.aws import clients
from frameloom.aws.credentials import renew_refused_credentials
from frameloom.aws.queue import Queue
from frameloom.aws.store import S3Store
from frameloom.aws.transient import is_transient

_KEY = re.compile(r"Credential=(\w+)/")


class Aws:
    """A server for S3 and SQS that checks only whether a request is signed with the current key."""

    def __init__(self) -> None:
        self.key = "OLD"
        self.refused: list[str] = []
        aws = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base's
                pass

            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                match = _KEY.search(self.headers["Authorization"])
                key = match[1] if match else ""
                if key == aws.key:
                    self._send(200, b"{}" if "X-Amz-Target" in self.headers else b"")
                    return
                aws.refused.append(key)
                if "X-Amz-Target" in self.headers:
                    self._send(400, b'{"__type": "ExpiredTokenException", "message": "expired"}')
                elif self.command == "HEAD":
                    self._send(400, b"")
                else:
                    self._send(400, b"<Error><Code>ExpiredToken</Code></Error>")

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("ETag", '"0"')
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_HEAD = _answer  # noqa: N815  the names are the base's

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "credentials"


@pytest.fixture
def aws(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    aws = Aws()
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    clients.client.cache_clear()
    hand_out(file, "OLD")
    thread = threading.Thread(target=aws.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield aws
    aws.server.shutdown()
    thread.join()
    aws.server.server_close()
    clients.client.cache_clear()


def hand_out(file: Path, key: str) -> None:
    file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = secret\n")


CALLS: dict[str, Callable[[], object]] = {
    "receive": lambda: Queue("http://sqs/1/chunks").send("body"),
    "put": lambda: S3Store().put("bucket", "key", b"data"),
    "get": lambda: S3Store().get("bucket", "key"),
    "head": lambda: S3Store().head("bucket", "key"),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_request_with_expired_keys_is_sent_again_with_new_ones(aws: Aws, file: Path, call: str) -> None:
    renew_refused_credentials()
    CALLS[call]()
    assert aws.refused == []
    hand_out(file, "NEW")
    aws.key = "NEW"
    CALLS[call]()
    # Once; after a response of S3 without a body, boto3 also requests the bucket's region.
    refused = list(aws.refused)
    assert set(refused) == {"OLD"}
    assert len(refused) == (2 if call == "head" else 1)
    # Later requests use the new keys.
    CALLS[call]()
    assert aws.refused == refused


def test_keys_that_stay_expired_are_refused_twice_with_a_transient_error(aws: Aws, file: Path) -> None:
    renew_refused_credentials()
    CALLS["put"]()
    aws.key = "NEW"
    with pytest.raises(ClientError) as error:
        CALLS["put"]()
    assert aws.refused == ["OLD", "OLD"]
    assert is_transient(error.value)
    hand_out(file, "NEW")
    CALLS["put"]()


def test_an_incomplete_file_leaves_the_keys_unchanged(aws: Aws, file: Path) -> None:
    renew_refused_credentials()
    CALLS["put"]()
    aws.key = "NEW"
    file.write_text("[default]\naws_access_key_id = NEW\n")
    with pytest.raises(ClientError):
        CALLS["put"]()
    hand_out(file, "NEW")
    CALLS["put"]()


def test_missing_credentials_are_the_error_of_boto3(aws: Aws, file: Path) -> None:
    del aws
    file.unlink()
    renew_refused_credentials()
    with pytest.raises(Exception, match="Unable to locate credentials"):
        CALLS["put"]()
