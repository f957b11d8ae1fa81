"""A proxy between workers and AWS that applies a treatment to each call.

It answers on a port of its own before there is anything behind it, since workers learn the port as they start.
"""

import http.client
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

# Hop-by-hop headers. The host that a call was sent to is signed with it.
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call on the wire.

    Attributes:
        name: the operation as AWS calls it: ReceiveMessage, PutObject.
        service: sqs, states or s3.
    """

    name: str
    service: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def parameters(self) -> dict[str, Any]:
        """Return the parameters in the body of a call."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer; `sent` is the number of bytes of its body that arrive before the connection breaks, None for all."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent: int | None = None


class Gone(Exception):
    """The connection breaks without an answer."""


# Forwards a call and returns its answer.
Forward = Callable[[Call], Answer]
# Forwards a call, changed or unchanged or not at all, and returns an answer or raises `Gone`.
Treatment = Callable[[Call, Forward], Answer]


class Proxy:
    """Applies a treatment to its calls; a context manager.

    Attributes:
        url: where clients are to send their calls.
    """

    def __init__(self, treat: Treatment) -> None:
        self._treat = treat
        self._upstream, self._secret = ("", 0), ""
        self._up = threading.Event()
        proxy = self

        class Handler(_Handler):
            def treat(self, call: Call) -> Answer:
                return proxy._treat(
                    call, lambda sent: proxy._forward(sent if sent == call else signed_anew(sent, proxy._secret))
                )

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def forward_to(self, environment: Mapping[str, str]) -> None:
        """Forward calls to the farm of an environment; earlier calls have waited for this."""
        parts = urlsplit(environment["AWS_ENDPOINT_URL"])
        self._secret = environment["AWS_SECRET_ACCESS_KEY"]
        self._upstream = (parts.hostname or "", parts.port or 0)
        self._up.set()

    def _forward(self, call: Call) -> Answer:
        self._up.wait()
        upstream = http.client.HTTPConnection(*self._upstream)
        try:
            upstream.request(call.method, call.path, body=call.body, headers=dict(call.headers))
            answer = upstream.getresponse()
            return Answer(status=answer.status, headers=dict(answer.getheaders()), body=answer.read())
        except OSError as error:
            # The farm is closing.
            raise Gone from error
        finally:
            upstream.close()


def signed_anew(call: Call, secret: str) -> Call:
    """Return a changed call with a new signature."""
    key, region, service = _CREDENTIAL.findall(call.headers["Authorization"])[0]
    old = {"authorization", "x-amz-date", "x-amz-content-sha256"}
    headers = {name: value for name, value in call.headers.items() if name.lower() not in old}
    request = AWSRequest(call.method, f"http://{headers['Host']}{call.path}", headers=headers, data=call.body)
    sign = S3SigV4Auth if service == "s3" else SigV4Auth
    sign(Credentials(key, secret), service, region).add_auth(request)
    return replace(call, headers=dict(request.headers.items()))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: killed workers break their connections."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def treat(self, call: Call) -> Answer:
        """Return the answer to a call."""
        raise NotImplementedError

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is the base's
        """Log nothing."""

    def _serve(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            # boto3 sends none to an endpoint without TLS.
            self.send_error(411, "This proxy takes no body in pieces")
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        name, service = _operation(self.command, self.path, headers)
        call = Call(name=name, service=service, method=self.command, path=self.path, headers=headers, body=body)
        try:
            answer = self.treat(call)
        except Gone:
            self._break()
            return
        self.send_response_only(answer.status)
        for key, value in answer.headers.items():
            if key.lower() not in _HOP:
                self.send_header(key, value)
        size = len(answer.body)
        if self.command == "HEAD":
            # The length of the body that GET would return.
            size = next((int(value) for key, value in answer.headers.items() if key.lower() == "content-length"), 0)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(answer.body[: answer.sent])
        if answer.sent is not None:
            self._break()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve  # noqa: N815  the names are the base's

    def _break(self) -> None:
        """Break the connection with a reset, as a dead machine does."""
        self.close_connection = True
        with suppress(OSError):
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


def _operation(method: str, path: str, headers: Mapping[str, str]) -> tuple[str, str]:
    target = headers.get("X-Amz-Target")
    if target is not None:
        service, _, name = target.partition(".")
        return name, {"AmazonSQS": "sqs", "AWSStepFunctions": "states"}[service]
    _, _, query = path.partition("?")
    if "list-type=2" in query:
        return "ListObjectsV2", "s3"
    return {"GET": "GetObject", "PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}[method], "s3"


def wait_silently(seconds: float) -> None:
    """Hold a call for some seconds without an answer, then break the connection."""
    time.sleep(seconds)
    raise Gone
