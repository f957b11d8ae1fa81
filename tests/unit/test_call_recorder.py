"""The emulator records the calls that it handles."""

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
    """Handle and record a call; return the line (empty if none) and the body that the application read."""
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


def test_a_call_is_recorded_with_its_caller_and_status(file: Path) -> None:
    target = {"HTTP_X_AMZ_TARGET": "AmazonSQS.SendMessage", "HTTP_X_AMZ_SECURITY_TOKEN": "secret"}
    asked = {"REQUEST_METHOD": "POST", "RAW_URI": "/", "HTTP_AUTHORIZATION": SIGNED.format("sqs"), **target}
    line, read = answer(file, {**asked, "body": b'{"QueueUrl": "q"}'}, status="400 Bad Request")
    assert (line["principal"], line["service"], line["status"]) == ("worker", "sqs", 400)
    assert line["headers"] == {"x-amz-target": "AmazonSQS.SendMessage"}
    # Recorded, and still readable for the application.
    assert line["body"] == read.decode() == '{"QueueUrl": "q"}'


def test_the_bytes_of_an_object_are_not_recorded(file: Path) -> None:
    asked = {"REQUEST_METHOD": "PUT", "RAW_URI": "/bucket/k%20ey", "HTTP_AUTHORIZATION": SIGNED.format("s3")}
    line, read = answer(file, {**asked, "body": b"pixels"})
    assert (line["uri"], line["body"], read) == ("/bucket/k%20ey", "", b"pixels")


def test_an_unsigned_call_is_recorded_without_a_caller(file: Path) -> None:
    line, _ = answer(file, {"REQUEST_METHOD": "GET", "RAW_URI": "/moto-api"})
    assert (line["principal"], line["service"]) == ("", "")


@pytest.mark.parametrize("arrived", [b"", b'{"QueueUrl": "q'])
def test_a_call_that_was_cut_is_not_recorded(file: Path, arrived: bytes) -> None:
    asked = {"REQUEST_METHOD": "POST", "RAW_URI": "/", "HTTP_X_AMZ_TARGET": "AmazonSQS.ChangeMessageVisibility"}
    line, read = answer(file, {**asked, "CONTENT_LENGTH": "48", "body": arrived})
    assert (line, read) == ({}, arrived)
