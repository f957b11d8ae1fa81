"""A body in chunks, each with a signature that covers the signature before it.

Source: Amazon S3 API reference, "Signature Calculations for the Authorization Header: Transferring Payload in
Multiple Chunks", without and with trailing headers. Pure.
"""

import hashlib
import hmac
from collections.abc import Callable

_NOTHING = hashlib.sha256(b"").hexdigest()
_SIGNATURE, _TRAILER_SIGNATURE = b"chunk-signature=", b"x-amz-trailer-signature:"


def joined_chunks(body: bytes, sign: Callable[..., str], *, seed: str) -> bytes:
    """Return the joined chunks of a body whose signatures are all valid.

    Args:
        sign: computes a signature from the algorithm's name and the last lines of the string to sign.
        seed: the signature of the call's headers, which is part of the first chunk's.

    Raises:
        ValueError: the body is not valid; the message has the reason.
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
            raise ValueError("a chunk is longer than its size")
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
