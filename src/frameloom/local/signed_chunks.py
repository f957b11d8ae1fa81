"""A body in chunks, each with a signature that the next one's is made of.

Source: Amazon S3 API reference, "Signature Calculations for the Authorization Header: Transferring Payload in
Multiple Chunks", without and with trailing headers. Pure.
"""

import hashlib
import hmac
from collections.abc import Callable

_NOTHING = hashlib.sha256(b"").hexdigest()
_SIGNATURE, _TRAILER_SIGNATURE = b"chunk-signature=", b"x-amz-trailer-signature:"


def joined_chunks(body: bytes, sign: Callable[..., str], *, seed: str) -> bytes:
    """Return what the chunks of a body hold, once every signature in it was found right.

    Args:
        sign: makes a signature of a kind of text and its last lines.
        seed: the signature of the call's headers, which the first chunk's is made of.

    Raises:
        ValueError: saying what is wrong with the body.
    """
    previous, data, rest = seed, [], body
    while True:
        head, separator, rest = rest.partition(b"\r\n")
        size, _, extension = head.partition(b";")
        if not separator or not extension.startswith(_SIGNATURE):
            raise ValueError("a chunk has no signature")
        length = int(size, 16)
        chunk, rest = rest[:length], rest[length:]
        if length < 0 or len(chunk) != length:
            raise ValueError("a chunk is cut short")
        signature = sign("AWS4-HMAC-SHA256-PAYLOAD", previous, _NOTHING, hashlib.sha256(chunk).hexdigest())
        _check(signature, extension.removeprefix(_SIGNATURE))
        previous = signature
        if not length:
            break
        data.append(chunk)
        if not rest.startswith(b"\r\n"):
            raise ValueError("a chunk is longer than it says")
        rest = rest.removeprefix(b"\r\n")
    _check_trailer(rest, sign, previous)
    return b"".join(data)


def _check_trailer(rest: bytes, sign: Callable[..., str], previous: str) -> None:
    lines = [line for line in rest.split(b"\r\n") if line]
    if not lines:
        return
    *headers, last = lines
    if not last.startswith(_TRAILER_SIGNATURE):
        raise ValueError("its trailing headers have no signature")
    signed = b"".join(header.rstrip(b"\n") + b"\n" for header in headers)
    _check(sign("AWS4-HMAC-SHA256-TRAILER", previous, hashlib.sha256(signed).hexdigest()), last.partition(b":")[2])


def _check(expected: str, given: bytes) -> None:
    if not hmac.compare_digest(expected.encode(), given.strip()):
        raise ValueError("a signature in it is wrong")
