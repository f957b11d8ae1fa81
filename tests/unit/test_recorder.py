"""What the emulator writes down of the calls that it answers."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from frameloom.local.call_recorder import Recorder

SIGNED = "AWS4-HMAC-SHA256 Credential=worker/20261125/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "calls"


def answer(file: Path, environ: dict[str, Any], *, status: str = "200 OK") -> tuple[dict[str, Any], bytes]:
    """Have a call answered and written down; return the line (empty if none), and the body that could be read."""
    read: list[bytes] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        read.append(environ["wsgi.input"].read())
        start_response(status, [])
        return [b"answer"]

    body = environ.pop("body", b"")
    call = {"CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body), **environ}
    assert Recorder(application, file)(call, lambda *_: None) == [b"answer"]
    line: dict[str, Any] = json.loads(file.read_text() or "{}")
    return line, read[0]


def test_a_call_is_written_down_with_who_made_it_and_what_was_answered(file: Path) -> None:
    target = {"HTTP_X_AMZ_TARGET": "AmazonSQS.SendMessage", "HTTP_X_AMZ_SECURITY_TOKEN": "secret"}
    asked = {"REQUEST_METHOD": "POST", "RAW_URI": "/", "HTTP_AUTHORIZATION": SIGNED.format("sqs"), **target}
    line, read = answer(file, {**asked, "body": b'{"QueueUrl": "q"}'}, status="400 Bad Request")
    assert (line["principal"], line["service"], line["status"]) == ("worker", "sqs", 400)
    assert line["headers"] == {"x-amz-target": "AmazonSQS.SendMessage"}
    # Written down, and still there for who answers.
    assert line["body"] == read.decode() == '{"QueueUrl": "q"}'


def test_the_bytes_of_an_object_are_left_alone(file: Path) -> None:
    asked = {"REQUEST_METHOD": "PUT", "RAW_URI": "/bucket/k%20ey", "HTTP_AUTHORIZATION": SIGNED.format("s3")}
    line, read = answer(file, {**asked, "body": b"pixels"})
    assert (line["uri"], line["body"], read) == ("/bucket/k%20ey", "", b"pixels")


def test_a_call_that_nobody_signed_is_written_down_as_nobodys(file: Path) -> None:
    line, _ = answer(file, {"REQUEST_METHOD": "GET", "RAW_URI": "/moto-api"})
    assert (line["principal"], line["service"]) == ("", "")


@pytest.mark.parametrize("arrived", [b"", b'{"QueueUrl": "q'])
def test_a_call_whose_caller_was_killed_while_it_sent_is_none(file: Path, arrived: bytes) -> None:
    asked = {"REQUEST_METHOD": "POST", "RAW_URI": "/", "HTTP_X_AMZ_TARGET": "AmazonSQS.ChangeMessageVisibility"}
    line, read = answer(file, {**asked, "CONTENT_LENGTH": "48", "body": arrived})
    assert (line, read) == ({}, arrived)
