"""AWS Signature Version 4 accepts AWS's own examples, and refuses a call that differs from its signature.

Source of the examples: Amazon S3 API reference, "Authenticating Requests (AWS Signature Version 4)".
"""

from calendar import timegm
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import pytest
from werkzeug.serving import DechunkedInput

from frameloom.local.signature_v4 import Malformed, Mismatch, OtherContent, Refused, Skewed, Unsigned, Verifier

# In two parts each, since a test finds whole credentials in files, also published examples.
SECRET = "wJalrXUtnFEMI/K7MDENG" + "/bPxRfiCYEXAMPLEKEY"
KEY = "AKIA" + "IOSFODNN7EXAMPLE"
SCOPE = f"{KEY}/20130524/us-east-1/s3/aws4_request"
MIDNIGHT = float(timegm((2013, 5, 24, 0, 0, 0)))
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

GET = {
    "Authorization": f"AWS4-HMAC-SHA256 Credential={SCOPE},SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
    "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    "Host": "examplebucket.s3.amazonaws.com",
    "Range": "bytes=0-9",
    "x-amz-content-sha256": NOTHING,
    "x-amz-date": "20130524T000000Z",
}
PRESIGNED = (
    f"/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={SCOPE.replace('/', '%2F')}"
    "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
    "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
)
HOST = {"Host": "examplebucket.s3.amazonaws.com"}
CHUNKED = {
    "Authorization": f"AWS4-HMAC-SHA256 Credential={SCOPE},SignedHeaders=content-encoding;content-length;host;"
    "x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,"
    "Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    "Host": "s3.amazonaws.com",
    "Content-Encoding": "aws-chunked",
    "Content-Length": "66824",
    "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "x-amz-date": "20130524T000000Z",
    "x-amz-decoded-content-length": "66560",
    "x-amz-storage-class": "REDUCED_REDUNDANCY",
}
CHUNKS = (
    (65536, b"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
    (1024, b"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
    (0, b"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
)
BODY = b"".join(b"%x;chunk-signature=%s\r\n%s\r\n" % (size, signature, b"a" * size) for size, signature in CHUNKS)


def check(
    method: str, uri: str, headers: Mapping[str, str], body: bytes = b"", *, at: float = MIDNIGHT
) -> dict[str, Any]:
    """Check a call at this time, and return its environ."""
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "RAW_URI": uri, "wsgi.input": BytesIO(body)}
    for name, value in headers.items():
        variable = name.upper().replace("-", "_")
        environ[variable if variable == "CONTENT_LENGTH" else f"HTTP_{variable}"] = value
    Verifier(SECRET, clock=lambda: at).check(environ)
    return environ


def test_the_examples_of_aws_are_accepted() -> None:
    check("GET", "/test.txt", GET)
    check("GET", PRESIGNED, HOST)
    assert check("PUT", "/examplebucket/chunkObject.txt", CHUNKED, BODY)["wsgi.input"].read() == BODY


@pytest.mark.parametrize(
    ("method", "uri", "changed", "refusal"),
    [
        ("DELETE", "/test.txt", {}, Mismatch),
        ("GET", "/test2.txt", {}, Mismatch),
        ("GET", "/test.txt?versionId=1", {}, Mismatch),
        ("GET", "/test.txt", {"Range": "bytes=0-99"}, Mismatch),
        ("GET", "/test.txt", {"Host": "other"}, Mismatch),
        ("GET", "/test.txt", {"x-amz-copy-source": "secret/file"}, Refused),
        ("GET", "/test.txt", {"x-amz-date": "20130524T000001Z"}, Mismatch),
        ("GET", "/test.txt", {"x-amz-date": "20130525T000000Z"}, Malformed),
        ("GET", "/test.txt", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, Mismatch),
        ("GET", "/test.txt", {"Authorization": f"AWS {KEY}:c2lnbmF0dXJl"}, Malformed),
        ("GET", "/test.txt", {"Authorization": GET["Authorization"].replace("us-east-1", "eu-west-1")}, Mismatch),
        ("GET", "/test.txt", {"Authorization": GET["Authorization"].replace("host;", "")}, Refused),
    ],
)
def test_a_call_that_differs_from_its_signature_is_refused(
    method: str, uri: str, changed: dict[str, str], refusal: type[Refused]
) -> None:
    with pytest.raises(refusal):
        check(method, uri, GET | changed)


def test_a_call_without_a_signature_is_refused() -> None:
    with pytest.raises(Unsigned, match="not signed"):
        check("GET", "/test.txt", HOST)
    with pytest.raises(Malformed, match="Version 2"):
        check("GET", "/test.txt?AWSAccessKeyId=AKIA&Expires=99999999999&Signature=c2ln", HOST)


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_call_whose_signature_is_16_minutes_old_or_ahead_is_refused(minutes: int) -> None:
    check("GET", "/test.txt", GET, at=MIDNIGHT + 60 * minutes * 14 / 16)
    with pytest.raises(Skewed):
        check("GET", "/test.txt", GET, at=MIDNIGHT + 60 * minutes)


def test_a_presigned_url_expires_and_its_lifetime_cannot_be_changed() -> None:
    check("GET", PRESIGNED, HOST, at=MIDNIGHT + 86_399)
    with pytest.raises(Refused, match="has expired"):
        check("GET", PRESIGNED, HOST, at=MIDNIGHT + 86_401)
    with pytest.raises(Mismatch):
        check("GET", PRESIGNED.replace("86400", "86401"), HOST)
    with pytest.raises(Malformed, match="1 to 604800"):
        check("GET", PRESIGNED.replace("86400", "604801"), HOST)
    with pytest.raises(Skewed):
        check("GET", PRESIGNED, HOST, at=MIDNIGHT - 1000)


def test_an_unreadable_lifetime_or_body_is_malformed() -> None:
    with pytest.raises(Malformed, match="is not presigned with AWS4"):
        check("GET", PRESIGNED.replace("86400", "9" * 5000), HOST)
    unhashed = {
        "Authorization": GET["Authorization"].replace("/s3/", "/sqs/").replace("range;x-amz-content-sha256;", ""),
        "Host": GET["Host"],
        "x-amz-date": GET["x-amz-date"],
    }
    environ: dict[str, Any] = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in unhashed.items()}
    broken = DechunkedInput(BytesIO(b"no size\r\n"))
    environ |= {"REQUEST_METHOD": "POST", "RAW_URI": "/", "wsgi.input": broken, "wsgi.input_terminated": True}
    with pytest.raises(Malformed, match="The body cannot be read"):
        Verifier(SECRET, clock=lambda: MIDNIGHT).check(environ)


def test_another_body_than_the_signed_one_is_refused() -> None:
    with pytest.raises(OtherContent):
        check("GET", "/test.txt", GET, b"more")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        BODY[:-10],
        BODY.replace(b"aaaa", b"aaab", 1),
        BODY.replace(b"\r\n400;", b"\r\n3ff;"),
        BODY.replace(b"\r\n0;chunk-signature=", b"\r\n0;"),
        # Without the last chunk, with the second one twice, and with an unsigned one.
        BODY[: BODY.index(b"\r\n400;") + 2] + b"0;" + BODY.rpartition(b"\r\n0;")[2],
        BODY + b"x-amz-checksum-crc32:AAAAAA==\r\n",
    ],
)
def test_a_chunked_body_with_a_changed_chunk_is_refused(body: bytes) -> None:
    with pytest.raises(OtherContent):
        check("PUT", "/examplebucket/chunkObject.txt", CHUNKED, body)
