"""How the emulator answers on a connection: one call after another, as AWS does, until its client lets go of it.

Fact: werkzeug's own handler closes each connection after one answer and then listens to it for what is left of the
call, since it does not keep count of what it reads. A farm's calls come by the hundred from a few clients, and a
connection with its thread costs more than most answers.
"""

import logging
import re
import sys
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, BinaryIO
from wsgiref.handlers import SimpleHandler
from wsgiref.headers import Headers

from moto.moto_server.werkzeug_app import MotoRequestHandler

# An answer's headers and its body, or the beginning of that, leave in one packet.
_PACKET = 64 * 1024

_log = logging.getLogger(__name__)


class ConnectionHandler(MotoRequestHandler):  # type: ignore[misc]  # moto has no types
    """Answers the calls of one connection, in a thread of its own and without a line in the log for each."""

    protocol_version = "HTTP/1.1"
    close_connection: bool
    disable_nagle_algorithm = True
    wbufsize = _PACKET

    def handle_expect_100(self) -> bool:
        """Let a client send a body that it asks about first."""
        going_on: bool = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def run_wsgi(self) -> None:
        """Have the application answer the call that was read; werkzeug calls it for every method."""
        try:
            environ = self.make_environ()
            length = _length(environ)
        except ValueError as error:
            self.close_connection = True
            self.send_error(HTTPStatus.BAD_REQUEST, explain=str(error))
            self.wfile.flush()
            return
        # Where chunks have no end that could be known beforehand, the connection's end is the body's.
        is_chunked = bool(environ.get("wsgi.input_terminated"))
        body = _Body(self.rfile, 0 if is_chunked else length)
        read_from: Any = environ["wsgi.input"] if is_chunked else body
        answer = _Answer(read_from, self.wfile, sys.stderr, environ)
        answer.keeps = not (is_chunked or self.close_connection)
        answer.run(self.server.app)
        self.close_connection = not (answer.keeps and body.skip())

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def _length(environ: Mapping[str, Any]) -> int:
    """Return a call's Content-Length. A negative one would have the whole connection read as its body."""
    given = environ.get("CONTENT_LENGTH") or "0"
    if not re.fullmatch("[0-9]{1,18}", given):
        raise ValueError("Content-Length is not a number.")
    return int(given)


class _Body:
    """The bytes of a call that follow its headers, `left` of which were not read yet."""

    def __init__(self, stream: BinaryIO, length: int) -> None:
        self._stream, self.left = stream, length

    def read(self, size: int | None = -1) -> bytes:
        """Return bytes as a file does: fewer than asked for only where the call ends, or is cut."""
        return self._taken(self._stream.read, size)

    def readline(self, size: int | None = -1) -> bytes:
        """Return a line as a file does."""
        return self._taken(self._stream.readline, size)

    def skip(self) -> bool:
        """Read what is left; return whether all of it came, so that another call may follow."""
        while self.left and self.read(_PACKET):
            pass
        return not self.left

    def _taken(self, take: Callable[[int], bytes], size: int | None) -> bytes:
        data = take(self.left if size is None or size < 0 else min(size, self.left))
        self.left -= len(data)
        return data


class _Answer(SimpleHandler):
    """One call's answer; it `keeps` the connection unless only the end of that tells where the answer ends."""

    http_version = "1.1"
    # What the process has in its environment is none of the call's.
    os_environ: dict[str, str] = {}  # noqa: RUF012  as the base class has it
    # Set by the base class, whose types do not say so.
    environ: dict[str, Any]
    headers: Headers
    status: str
    keeps = True

    def cleanup_headers(self) -> None:
        """Say where the body ends."""
        super().cleanup_headers()
        has_end = "Content-Length" in self.headers or self._has_no_body()
        self.keeps = self.keeps and has_end
        if not self.keeps:
            self.headers["Connection"] = "close"

    def log_exception(self, exc_info: Any) -> None:
        """Log what the application failed with; half of an answer may have left by then."""
        self.keeps = False
        _log.error("a call was not answered", exc_info=exc_info)

    def _has_no_body(self) -> bool:
        return self.environ["REQUEST_METHOD"] == "HEAD" or self.status[:3] in ("204", "304")
