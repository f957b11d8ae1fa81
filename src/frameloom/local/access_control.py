"""Access control for the emulator: a call must be signed with the farm's key and must not come from a web page.

moto checks no signature and answers any web page that calls it through the user's browser. This middleware runs
before it. A refusal is in the protocol of the called service, so that a client reports a readable error.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from xml.sax.saxutils import escape

from frameloom.local.signature_v4 import Refused, Verifier

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# The names of this machine, and a bucket's name in front of one. After DNS rebinding, a page's calls have the name of
# the page's own host.
_HOST = re.compile(r"(?:127\.0\.0\.1|\[::1\]|(?:[a-z0-9][a-z0-9.-]*\.)?localhost)(?::\d{1,5})?", re.IGNORECASE)
# moto's own API and the EC2 metadata service are not part of a farm.
_INTERNAL = re.compile(r"/*(?:moto-api|latest/(?:meta-data|api|dynamic|user-data)|favicon\.ico)(?:/|$)", re.IGNORECASE)
_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"})


class AccessControl:
    """A WSGI middleware that passes on the calls it accepts and answers all others with 403."""

    def __init__(self, application: Application, secret: str) -> None:
        self._application, self._verifier = application, Verifier(secret)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Pass a call on, or refuse it."""
        try:
            _check_origin(environ)
            self._verifier.check(environ)
            if environ["REQUEST_METHOD"] not in _METHODS or _INTERNAL.match(environ["PATH_INFO"]):
                raise Refused("A local farm does not have this service.")
        except Refused as refused:
            return _answer(refused, environ, start_response)
        return self._application(environ, start_response)


def _check_origin(environ: dict[str, Any]) -> None:
    if "HTTP_ORIGIN" in environ:
        raise Refused("A local farm accepts no calls from web pages.")
    if not _HOST.fullmatch(environ.get("HTTP_HOST", "")):
        raise Refused("The Host header must be 127.0.0.1 or localhost.")


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
