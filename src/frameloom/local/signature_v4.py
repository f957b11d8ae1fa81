"""Verifies that a call is signed with the farm's key: AWS Signature Version 4, in a header or in a presigned URL.

botocore computes the expected signature; this module parses the call.

Sources: IAM user guide, "Create a signed AWS API request"; Amazon S3 API reference, "Authenticating Requests (AWS
Signature Version 4)".
"""

import hashlib
import hmac
import re
import time
from calendar import timegm
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from io import BytesIO
from types import SimpleNamespace
from typing import Any, Self
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlsplit

from botocore.auth import SigV4Auth
from botocore.credentials import Credentials

from frameloom.local.signed_chunks import joined_chunks

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNSIGNED = "UNSIGNED-PAYLOAD"
_UNSIGNED_CHUNKS = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_SIGNED_CHUNKS = frozenset({"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"})

# How far a caller's clock may be from this one, in seconds, as in AWS.
_CLOCK_SKEW = 15 * 60
# The longest life of a presigned URL, in seconds, as in AWS.
_LONGEST_LIFE = 7 * 24 * 60 * 60
# The largest body that is read before the signature is verified, in bytes. Only S3 accepts more, and its calls carry
# the body's hash in a header.
_LARGEST_UNHASHED = 16 * 1024 * 1024

_AUTHORIZATION = re.compile(
    rf"{_ALGORITHM}\s+Credential=(?P<credential>[^,\s]+)\s*,\s*SignedHeaders=(?P<headers>[^,\s]+)\s*,"
    r"\s*Signature=(?P<signature>[0-9a-f]{64})\s*"
)
_CREDENTIAL = re.compile(
    r"(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request",
)
_TIMESTAMP = re.compile(r"\d{8}T\d{6}Z")


class Refused(Exception):
    """The call is refused; `codes` are the error codes of S3, of JSON services and of Query services."""

    codes = ("AccessDenied", "AccessDeniedException", "AccessDenied")


class Unsigned(Refused):
    """The call carries no signature."""

    codes = ("AccessDenied", "MissingAuthenticationTokenException", "MissingAuthenticationToken")


class Malformed(Refused):
    """The call's signature is incomplete, or of another version."""

    codes = ("AuthorizationHeaderMalformed", "IncompleteSignatureException", "IncompleteSignature")


class Mismatch(Refused):
    """The call was signed with another key, or was changed after it was signed."""

    codes = ("SignatureDoesNotMatch", "InvalidSignatureException", "SignatureDoesNotMatch")


class Skewed(Refused):
    """The call was signed too long ago, or in the future."""

    codes = ("RequestTimeTooSkewed", "InvalidSignatureException", "SignatureDoesNotMatch")


class OtherContent(Refused):
    """The call's body differs from the signed body."""

    codes = ("XAmzContentSHA256Mismatch", "InvalidSignatureException", "SignatureDoesNotMatch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A call's signature; `life` is the lifetime of a presigned URL in seconds, None for a signature in a header."""

    key: str
    date: str
    region: str
    service: str
    timestamp: str
    headers: tuple[str, ...]
    value: str
    life: int | None = None

    @classmethod
    def of(cls, environ: Mapping[str, Any]) -> Self:
        """Return the signature of a call.

        Raises:
            Unsigned, Malformed: it has no valid one.
        """
        query = dict(parse_qsl(urlsplit(environ["RAW_URI"]).query))
        header = environ.get("HTTP_AUTHORIZATION")
        if header is None and "X-Amz-Signature" not in query:
            if "Signature" in query:
                raise Malformed(f"The URL is signed with Signature Version 2; please use {_ALGORITHM}.")
            raise Unsigned("The call is not signed. Clients need the export lines that `frameloom farm up` prints.")
        if header is None:
            return cls._in_query(query)
        found = _AUTHORIZATION.fullmatch(header)
        if found is None:
            raise Malformed(f"The Authorization header is not one of {_ALGORITHM}.")
        timestamp = environ.get("HTTP_X_AMZ_DATE", "")
        return cls._made(found["credential"], timestamp, found["headers"], found["signature"], life=None)

    @classmethod
    def _in_query(cls, query: Mapping[str, str]) -> Self:
        life = query.get("X-Amz-Expires", "")
        if query.get("X-Amz-Algorithm") != _ALGORITHM or not re.fullmatch("[0-9]{1,9}", life):
            raise Malformed(f"The URL is not presigned with {_ALGORITHM}.")
        if not 0 < int(life) <= _LONGEST_LIFE:
            raise Malformed(f"X-Amz-Expires must be from 1 to {_LONGEST_LIFE} seconds.")
        return cls._made(
            query.get("X-Amz-Credential", ""),
            query.get("X-Amz-Date", ""),
            query.get("X-Amz-SignedHeaders", ""),
            query["X-Amz-Signature"],
            life=int(life),
        )

    @classmethod
    def _made(cls, credential: str, timestamp: str, headers: str, value: str, *, life: int | None) -> Self:
        scope = _CREDENTIAL.fullmatch(credential)
        if scope is None or not _TIMESTAMP.fullmatch(timestamp) or scope["date"] != timestamp[:8]:
            raise Malformed("The signature's credential and date do not match.")
        return cls(
            key=scope["key"],
            date=scope["date"],
            region=scope["region"],
            service=scope["service"],
            timestamp=timestamp,
            headers=tuple(headers.split(";")),
            value=value,
            life=life,
        )


class Verifier:
    """Verifies calls against one secret. Any access key id is accepted with it; the id names the caller."""

    def __init__(self, secret: str, *, clock: Callable[[], float] = time.time) -> None:
        self._secret, self._clock = secret, clock

    def check(self, environ: dict[str, Any]) -> None:
        """Check that a call and its body are signed with the secret; the body can still be read afterwards.

        Raises:
            Refused: they are not; the message has the reason.
        """
        signature = Signature.of(environ)
        self._check_time(signature)
        _check_headers(signature.headers, environ)
        content = _content(signature, environ)
        signer = _Signer(Credentials(signature.key, self._secret), signature.service, signature.region)
        context = {"timestamp": signature.timestamp}
        request: Any = SimpleNamespace(
            method=environ["REQUEST_METHOD"],
            url=f"http://-{environ['RAW_URI']}",
            params=None,
            headers={"X-Amz-Content-SHA256": content},
            signed=_Headers((name, _header(name, environ)) for name in signature.headers),
            context=context,
        )
        expected = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        if not hmac.compare_digest(expected.encode(), signature.value.encode()):
            raise Mismatch("The call is not signed with this farm's key, which `frameloom farm up` prints.")
        if content in _SIGNED_CHUNKS:
            _check_chunks(environ, signer, request, seed=expected)
        elif content not in (_UNSIGNED, _UNSIGNED_CHUNKS) and content != hashlib.sha256(_body(environ)).hexdigest():
            raise OtherContent("The body differs from the signed body.")

    def _check_time(self, signature: Signature) -> None:
        try:
            signed = timegm(time.strptime(signature.timestamp, "%Y%m%dT%H%M%SZ"))
        except ValueError:
            raise Malformed("The signature's date is not valid.") from None
        age = self._clock() - signed
        if signature.life is not None and age > signature.life:
            raise Refused("The presigned URL has expired.")
        if age < -_CLOCK_SKEW or (signature.life is None and age > _CLOCK_SKEW):
            raise Skewed("The call was signed more than 15 minutes before or after this machine's time.")


class _Signer(SigV4Auth):
    """Signs the headers that a call lists as signed; botocore's own signer signs every header of a call it makes."""

    def __init__(self, credentials: Credentials, service: str, region: str) -> None:
        super().__init__(credentials, service, region)
        self._service = service

    def headers_to_sign(self, request: Any) -> Any:
        """Return the headers that the signature lists."""
        return request.signed

    def canonical_query_string(self, request: Any) -> str:
        """Return the query as AWS encodes it, without the signature."""
        pairs = (pair.partition("=") for pair in urlsplit(request.url).query.split("&") if pair)
        encoded = sorted((_encoded(name, "-_.~"), _encoded(value, "-_.~")) for name, _, value in pairs)
        return "&".join(f"{name}={value}" for name, value in encoded if name != "X-Amz-Signature")

    def _normalize_url_path(self, path: str) -> str:
        if self._service == "s3":
            return _encoded(path, "/-_.~")
        normalized: str = super()._normalize_url_path(path)  # type: ignore[misc]  # the stubs have no private names
        return normalized


class _Headers(dict[str, str]):
    """Headers with the interface that botocore reads."""

    def get_all(self, name: str) -> list[str]:
        """Return the values of a header, joined by commas already."""
        return [self[name]]


def _encoded(text: str, safe: str) -> str:
    return quote(unquote_to_bytes(text.encode("latin-1")), safe=safe)


def _check_headers(signed: Collection[str], environ: Mapping[str, Any]) -> None:
    """Refuse a call whose signature does not cover its host and every `x-amz-` header, as AWS does."""
    covered = {_variable(name) for name in signed}
    needed = {name for name in environ if name.startswith("HTTP_X_AMZ_")} | {"HTTP_HOST"}
    if left_out := sorted(needed - covered):
        names = ", ".join(name.removeprefix("HTTP_").replace("_", "-").lower() for name in left_out)
        raise Refused(f"The signature does not cover these headers: {names}.")


def _header(name: str, environ: Mapping[str, Any]) -> str:
    value = str(environ.get(_variable(name), ""))
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _variable(name: str) -> str:
    variable = name.upper().replace("-", "_")
    return variable if variable in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{variable}"


def _content(signature: Signature, environ: dict[str, Any]) -> str:
    """Return the part of the signature for the body: its hash, or for S3 also a constant for an unsigned body."""
    declared: str | None = environ.get("HTTP_X_AMZ_CONTENT_SHA256")
    if declared is None and signature.life is not None and signature.service == "s3":
        return _UNSIGNED
    if declared is None:
        return hashlib.sha256(_body(environ, most=_LARGEST_UNHASHED)).hexdigest()
    if signature.service != "s3" and not re.fullmatch("[0-9a-f]{64}", declared):
        raise OtherContent("The body is not signed.")
    return declared


def _check_chunks(environ: dict[str, Any], signer: _Signer, request: Any, *, seed: str) -> None:
    def sign(kind: str, *parts: str) -> str:
        text = "\n".join([kind, request.context["timestamp"], signer.credential_scope(request), *parts])
        signature: str = signer.signature(text, request)
        return signature

    try:
        joined_chunks(_body(environ), sign, seed=seed)
    except ValueError as error:
        raise OtherContent(f"The body differs from the signed body: {error}.") from None


def _body(environ: dict[str, Any], *, most: int | None = None) -> bytes:
    """Return the body of a call, which can still be read afterwards; moto reads it into memory as well."""
    stream = environ["wsgi.input"]
    if not isinstance(stream, BytesIO):
        length = None if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
        limits = [limit for limit in (length, None if most is None else most + 1) if limit is not None]
        try:
            data = stream.read(min(limits)) if limits else stream.read()
        except OSError as error:
            raise Malformed(f"The body cannot be read: {error}.") from None
        environ["wsgi.input"] = stream = BytesIO(data)
    body: bytes = stream.getvalue()
    if most is not None and len(body) > most:
        raise Malformed("A body of this size needs the header x-amz-content-sha256.")
    return body
