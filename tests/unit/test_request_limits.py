"""The limits of the fields of requests."""

import pytest

from frameloom.model.frames import FIRST_FRAME, LAST_FRAME, MAX_FRAMES, FrameRange
from frameloom.model.request import (
    MAX_FRAMES_LENGTH,
    parse_request,
)
from tests.job_requests import refused


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
    """The limits: a million frames per job, 10,000 characters, and Blender's first and last frame."""
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
