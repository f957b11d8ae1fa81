"""Makes records of calls like the emulator, with requests of the SDK that are never sent."""

import json
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.parsers import ResponseParserError

from frameloom.local.call_recorder import Recorder


def on_record(file: Path, service: str, operation: str, *, status: int = 200, **parameters: Any) -> str:
    """Return the record of a call by `worker` with a response of this status."""
    client: Any = boto3.client(
        service,  # type: ignore[call-overload]  # any service
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="worker",
        aws_secret_access_key="-",
    )

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        recorder = Recorder(lambda _, start: start(f"{status} -", []) or [], file)
        list(recorder(_environ(request), lambda *_: None))
        return AWSResponse(request.url, 200, HTTPHeaders(), _Empty())

    client.meta.events.register("before-send", answer)
    # An empty response is valid in most protocols, and an error in some.
    with suppress(ResponseParserError):
        getattr(client, operation)(**parameters)
    line: str = file.read_text(encoding="utf-8").splitlines()[-1]
    assert json.loads(line)["principal"] == "worker"
    return line


def _environ(request: AWSPreparedRequest) -> dict[str, Any]:
    url = urlsplit(request.url)
    text = request.body
    body = text.encode() if isinstance(text, str) else text if isinstance(text, bytes) else b""
    headers = {
        f"HTTP_{name.upper().replace('-', '_')}": value.decode() if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
    }
    return {
        "REQUEST_METHOD": request.method,
        "RAW_URI": f"{url.path}?{url.query}" if url.query else url.path,
        "CONTENT_TYPE": headers.get("HTTP_CONTENT_TYPE", ""),
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
        **headers,
    }


class _Empty(BytesIO):
    """An empty body like that of urllib3."""

    def stream(self, **_: Any) -> list[bytes]:
        """Yield nothing."""
        return []
