"""Records every call that the emulator handles, as it was sent. The signature identifies the caller."""

import json
import os
import re
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# Source: IAM user guide, "Elements of an AWS API request signature".
_SIGNATURE = re.compile(r"Credential=(?P<principal>[^/,]+)/\d{8}/[^/]+/(?P<service>[^/]+)/aws4_request")

# Headers that are not part of the request, or that would be credentials in AWS.
_LEFT_OUT = ("x-amz-content-sha256", "x-amz-date", "x-amz-security-token")


class Recorder:
    """A WSGI middleware that appends a line of JSON to a file for each call.

    The line has `principal` (the access key), `service` (its name in the signature), `method`, `uri`, `host`,
    `headers` (those of AWS), `body` (if it has parameters, not an object's bytes) and `status`.
    """

    def __init__(self, application: Application, file: Path) -> None:
        self._application = application
        # One write per line, so that lines of several threads do not mix.
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Pass the call on, and record it if all of it arrived: a caller may be killed while it sends."""
        line = _line(environ)
        if line is None:
            return self._application(environ, start_response)

        def start(status: str, *args: Any) -> Any:
            line["status"] = int(status.split(maxsplit=1)[0])
            return start_response(status, *args)

        answer = self._application(environ, start)
        os.write(self._file, f"{json.dumps(line)}\n".encode())
        return answer


def _line(environ: dict[str, Any]) -> dict[str, Any] | None:
    body = _parameters(environ)
    if body is None:
        return None
    signature = _SIGNATURE.search(environ.get("HTTP_AUTHORIZATION", ""))
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_X_AMZ")
    }
    return {
        "principal": signature["principal"] if signature else "",
        "service": signature["service"] if signature else "",
        "method": environ["REQUEST_METHOD"],
        "uri": environ["RAW_URI"],
        "host": environ.get("HTTP_HOST", ""),
        "headers": {name: value for name, value in headers.items() if name not in _LEFT_OUT},
        "body": body,
    }


def _parameters(environ: dict[str, Any]) -> str | None:
    """Return the body of a call with parameters in it, None if it is cut. The application can read the body again."""
    is_json = "HTTP_X_AMZ_TARGET" in environ
    if not is_json and "x-www-form-urlencoded" not in environ.get("CONTENT_TYPE", ""):
        return ""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body: bytes = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = BytesIO(body)
    return body.decode() if len(body) == length else None
