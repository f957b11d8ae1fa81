"""Property tests with arbitrary input, for all code that reads input from outside the farm.

A bounded run is part of the suite; `make fuzz EXAMPLES=n` runs longer.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from frameloom.model.messages import ChunkMessage, LogBatch
from frameloom.model.request import JobRequest
from tests.fuzz import promises
from tests.job_requests import FULL, upload
from tests.unit.blends import PACKERS, as_blender_5_writes, blocks, small
from tests.unit.test_messages import MESSAGE

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))

bounded = settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


# ── Strategies ──

# Values that often cause errors: limits of ranges, long repetitions, digits of other alphabets, half a character.
numbers = st.sampled_from([0, -1, 1, 2**31 - 1, 2**31, -(2**31), 2**63, 10**30, 1_048_574, 1_048_575, -1_048_575])
odd_text = st.sampled_from(["", " ", "\0", "..", "%2e%2e/", "\ud800", "٣", "1e9", "9" * 5000, "x" * 5000, "-" * 5000])
leaves = st.none() | st.booleans() | st.integers() | numbers | st.floats() | st.text(max_size=20) | odd_text
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each part of a JSON value, including the empty path of the value itself."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield from _places(part, (*path, name))


def _changed(value: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    if not path:
        return change(value)
    first, *rest = path
    copy = value.copy()
    copy[first] = _changed(value[first], tuple(rest), change)
    return copy


@st.composite
def damaged(draw: st.DrawFn, whole: Any) -> Any:
    """Return a JSON value with some parts replaced, and some fields added or removed."""
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(_places(whole))))
        whole = _changed(whole, path, lambda _: draw(values))
        if isinstance(whole, dict) and whole:
            name = draw(st.sampled_from(sorted(whole, key=str)))
            match draw(st.integers(0, 3)):
                case 0:
                    whole = {key: value for key, value in whole.items() if key != name}
                case 1:
                    whole = whole | {draw(st.text(max_size=8)): whole[name]}
    return whole


@st.composite
def ranges(draw: st.DrawFn) -> str:
    """Return text that resembles a range of frames."""
    number = st.integers(-1_048_580, 1_048_580).map(str) | st.sampled_from(["+1", "-0", "007", "", "1 ", "9" * 10])
    joints = st.sampled_from(["-", "--", ":", ",", ",,", " ", "..", "x", ""])
    parts = draw(st.lists(st.tuples(number, joints), max_size=12))
    return "".join(part for pair in parts for part in pair)


@st.composite
def blends(draw: st.DrawFn) -> bytes:
    """Return the bytes of a real scene, with damaged blocks, damaged compression, or both."""
    data = small()
    edges = [at for at, _, _ in blocks(data)]
    heads = [at for at, code, _ in blocks(data) if code in {b"SC\0\0", b"GLOB", b"DNA1", b"OB\0\0", b"IM\0\0", b"ENDB"}]
    new = draw(st.booleans())
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.sampled_from(heads) | st.sampled_from(edges)) + draw(st.integers(0, 64) | st.integers(24, 4000))
        # Mostly overwrite: other damage moves the later blocks, so the file is refused before they are read.
        match max(0, draw(st.integers(-4, 3))):
            case 0:
                size = draw(st.sampled_from([1, 2, 4, 8]))
                word = draw(numbers | st.integers(0, 2**64)) % 2 ** (8 * size)
                data = data[:at] + word.to_bytes(size, "little") + data[at + size :]
            case 1:
                data = data[:at] + draw(st.binary(max_size=40)) + data[at:]
            case 2:
                data = data[:at] + data[at + draw(st.integers(1, 4000)) :]
            case 3:
                other = draw(st.sampled_from(edges))
                data = data[:at] + data[other : other + draw(st.integers(1, 4000))] + data[at:]
    if new:
        # A scene whose blocks cannot be read cannot be converted to the other format.
        with contextlib.suppress(Exception):
            data = as_blender_5_writes(data)
    data = PACKERS[draw(st.sampled_from(sorted(PACKERS)))](data)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, 40) | st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=8)) + data[at + draw(st.integers(0, 8)) :]
    return data


# ── Properties ──


@bounded
@given(damaged(FULL) | damaged(upload()) | values)
def test_any_input_is_a_request_or_an_invalid_request(value: Any) -> None:
    promises.request(value)


@bounded
@given(
    st.dictionaries(st.sampled_from([*JobRequest.model_fields, "quality", "codec"]) | st.text(), odd_text | st.text())
)
def test_any_metadata_is_a_request_or_an_invalid_request(metadata: dict[str, str]) -> None:
    promises.metadata(metadata)


@bounded
@given(ranges() | st.text() | odd_text)
def test_any_text_is_frames_or_an_invalid_request(text: str) -> None:
    promises.frames(text)


@bounded
@given(damaged(MESSAGE) | values)
def test_any_message_is_a_chunk_or_refused(value: Any) -> None:
    promises.message(json.dumps(value))


@bounded
@given(st.text() | st.sampled_from(["[" * 100_000, '{"a":' * 100_000, "1" * 100_000, '"' + "\\u0000" * 9999 + '"']))
def test_any_text_in_a_queue_is_a_message_or_refused(body: str) -> None:
    promises.message(body)
    for kind in (ChunkMessage, LogBatch):
        with pytest.raises(ValueError):  # noqa: PT011  pydantic's own, and no other
            kind.model_validate_json(body)


@bounded
@given(blends())
def test_any_scene_reads_or_is_unreadable(data: bytes) -> None:
    promises.scene(data)
