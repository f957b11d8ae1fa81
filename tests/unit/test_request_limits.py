"""The limits of requests, and requests of arbitrary values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model.errors import InvalidRequest
from frameloom.model.frames import FIRST_FRAME, LAST_FRAME, MAX_FRAMES, FrameRange
from frameloom.model.request import (
    MAX_FRAMES_LENGTH,
    JobRequest,
    parse_request,
)
from tests.job_requests import refused, upload


@pytest.mark.parametrize(
    ("field", "least", "most"),
    [
        ("chunk_size", 1, 10_000),
        ("max_workers", 1, 10_000),
        ("run", 1, 1_000_000_000),
        ("samples", 1, 65_536),
        ("resolution_percentage", 1, 1000),
        ("fps", 1, 1000),
        ("queue_timeout", 1, 129_599),
        ("chunk_timeout", 86_401, 7 * 24 * 3600),
    ],
)
def test_numbers_are_accepted_at_their_limits_and_refused_past_them(field: str, least: int, most: int) -> None:
    for number in (least, most):
        assert str(getattr(parse_request({"file": "a.blend", field: number}), field)) == str(number)
    for number in (least - 1, most + 1):
        assert refused({"file": "a.blend", field: number}).facts["field"] in {field, "chunk_timeout"}


@pytest.mark.parametrize("field", ["scene", "camera", "blender"])
def test_names_are_accepted_at_their_limit_and_refused_past_it(field: str) -> None:
    assert getattr(parse_request({"file": "a.blend", field: "x" * 63}), field) == "x" * 63
    for name in ("", "x" * 64):
        assert refused({"file": "a.blend", field: name}).facts["field"] == field


def test_frames_are_accepted_at_their_limits_and_refused_past_them() -> None:
    """A million in a job, 10,000 characters, and Blender's own first and last."""
    for frames in (
        f"{FIRST_FRAME}",
        f"{LAST_FRAME}",
        f"1-{MAX_FRAMES}",
        "1,3" + "," + " " * (MAX_FRAMES_LENGTH - 5) + "5",
    ):
        assert parse_request({"file": "a.blend", "frames": frames}).frame_range() == FrameRange.parse(frames)
    for frames in (
        f"{FIRST_FRAME - 1}",
        f"{LAST_FRAME + 1}",
        f"0-{MAX_FRAMES}",
        "1,3" + "," + " " * (MAX_FRAMES_LENGTH - 4) + "5",
    ):
        assert refused({"file": "a.blend", "frames": frames}).facts["field"] == "frames"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


# Whole requests with a few wrong values, which get further than noise does.
likely = st.fixed_dictionaries(
    {"file": st.sampled_from(["a.blend", "b/c.blend"]) | st.text()},
    optional={
        name: json_values | st.sampled_from([1, "1", "1-3", 24, "PNG", "both", {"quality": 18}])
        for name in JobRequest.model_fields
        if name != "file"
    },
)


@given(json_values | likely | likely.map(lambda fields: upload(fields["file"])))
def test_any_json_value_is_a_request_or_an_invalid_request(value: object) -> None:
    try:
        request = parse_request(value)
    except InvalidRequest:
        return
    assert parse_request(request.to_json()) == request


@given(st.dictionaries(st.sampled_from([*JobRequest.model_fields, "quality", "codec", "other"]), st.text(max_size=8)))
def test_any_metadata_is_a_request_or_an_invalid_request(metadata: dict[str, str]) -> None:
    try:
        request = parse_request(upload(), metadata=metadata)
    except InvalidRequest:
        return
    assert request.file == "film/shot.blend"
