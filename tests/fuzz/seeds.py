"""The seeds of the fuzzer, made by the builders of the tests: valid inputs find more than random bytes."""

import json
from collections.abc import Callable, Iterable

from tests.fuzz import recipes
from tests.job_requests import FULL, upload
from tests.unit.blends import PACKERS, as_blender_5_writes, packed, small
from tests.unit.test_messages import MESSAGE

_RANGES = [
    b"1",
    b"1-10",
    b"-5--1",
    b"1-10:2,15",
    b"0,7,3-9:3",
    b" 1 - 2 ",
    b"1048574",
    b"1-1048574",
    "\u0663-9".encode(),
]
_RECORD = {
    "time": "2026-11-23T06:00:00Z", "level": "info", "event": "frame_rendered", "message": "Frame rendered",
    "worker": "w", "frame": 1, "job_id": "j", "facts": {"seconds": 1.5},
}  # fmt: skip


def _requests() -> Iterable[bytes]:
    return [_json(FULL), _json(upload()), _json({"file": "shot.blend", "start": "1", "end": 17})]


def _metadata() -> Iterable[bytes]:
    flat = {name: value for name, value in FULL.items() if not isinstance(value, dict)} | FULL["video"]
    return [f"{name}={value}".encode() for name, value in flat.items()] + [
        "\n".join(f"{name}={value}" for name, value in flat.items()).encode(),
        b"frames=1-10\nquality=high",
    ]


def _messages() -> Iterable[bytes]:
    return [
        _json(MESSAGE), _json(_RECORD), _json({"worker": "w", "job_id": "j", "part": "1", "records": [_RECORD]})
    ]  # fmt: skip


def _scenes() -> Iterable[bytes]:
    whole = [packed(packing) for packing in PACKERS] + [as_blender_5_writes(small())]
    # Prefixes of each too, which are short enough to be tried often.
    return whole + [data[:length] for data in whole for length in (12, 17, 64, 4000)]


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


SEEDS: dict[str, Callable[[], Iterable[bytes]]] = {
    "request": _requests,
    "metadata": _metadata,
    "frames": lambda: _RANGES,
    "message": _messages,
    "bytes": _scenes,
    "scene": recipes.seeds,
    "planted": lambda: [b"harmless"],
}


def words(inputs: Iterable[bytes]) -> set[bytes]:
    """Return the words in the seeds of text; mutations of single bytes would not find them."""
    found: set[bytes] = set()
    for data in inputs:
        if len(data) < 4000 and data.isascii():
            spaced = bytes(byte if chr(byte).isalnum() or byte in b"_-." else 32 for byte in data)
            found |= {word for word in spaced.split() if 2 <= len(word) <= 60}
    return found
