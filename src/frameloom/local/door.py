"""The farm's door: lets in calls that are signed with its key and come from no web page, and no others.

The emulator itself lets in everybody, and answers a web page that asks it by way of the user's browser. So this
stands before it. What is refused is answered in the protocol of the service that was called, so that a client's
error is one that its user can read.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from xml.sax.saxutils import escape

from frameloom.local.signatures import Refused, Verifier

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# This machine's names for itself, and a bucket's name before one of them, which no other machine can have. A page of
# another host whose name leads here (DNS rebinding) has that host's name in its calls.
_HOST = re.compile(r"(?:127\.0\.0\.1|\[::1\]|(?:[a-z0-9][a-z0-9.-]*\.)?localhost)(?::\d{1,5})?", re.IGNORECASE)
# moto's own interface, and what an EC2 machine asks for its credentials: no services of a farm.
_INTERNAL = re.compile(r"/*(?:moto-api|latest/(?:meta-data|api|dynamic|user-data)|favicon\.ico)(?:/|$)", re.IGNORECASE)
_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"})


class Door:
    """A WSGI application that has another one answer the calls that it lets in."""

    def __init__(self, application: Application, secret: str) -> None:
        self._application, self._verifier = application, Verifier(secret)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a call, or have it answered."""
        try:
            _check_origin(environ)
            self._verifier.check(environ)
            if environ["REQUEST_METHOD"] not in _METHODS or _INTERNAL.match(environ["PATH_INFO"]):
                raise Refused("There is nothing of this kind here.")
        except Refused as refused:
            return _answer(refused, environ, start_response)
        return self._application(environ, start_response)


def _check_origin(environ: dict[str, Any]) -> None:
    if "HTTP_ORIGIN" in environ:
        raise Refused("A local farm takes no calls from web pages.")
    if not _HOST.fullmatch(environ.get("HTTP_HOST", "")):
        raise Refused("A local farm is called 127.0.0.1 or localhost, not by the name in the Host header.")


def _answer(refused: Refused, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    of_s3, of_json, of_query = refused.codes
    message = str(refused)
    kind, headers = environ.get("CONTENT_TYPE", ""), []
    if "HTTP_X_AMZ_TARGET" in environ or "json" in kind or "/lambda/" in environ.get("HTTP_AUTHORIZATION", ""):
        body = json.dumps({"__type": of_json, "message": message})
        headers = [("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-ErrorType", of_json)]
    else:
        is_query = "x-www-form-urlencoded" in kind
        error = f"<Code>{of_query if is_query else of_s3}</Code><Message>{escape(message)}</Message>"
        error = f"<Error>{'<Type>Sender</Type>' if is_query else ''}{error}</Error>"
        body = f"<ErrorResponse>{error}</ErrorResponse>" if is_query else error
        body, headers = f'<?xml version="1.0" encoding="UTF-8"?>\n{body}', [("Content-Type", "application/xml")]
    start_response("403 Forbidden", [*headers, ("Content-Length", str(len(body.encode())))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body.encode()]
