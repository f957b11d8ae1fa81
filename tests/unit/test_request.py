"""Requests for jobs, in each form of input."""

import json
from typing import Any

import pytest

from frameloom.model.frames import FrameRange
from frameloom.model.request import (
    JobRequest,
    is_upload,
    parse_request,
)
from tests.job_requests import FULL, refused, upload


@pytest.mark.parametrize(("start", "end"), [("1", "17"), (1, 17), ("01", " 17 "), (1.0, "17")])
def test_the_console_accepts_file_start_and_end_as_numbers_or_digits(start: object, end: object) -> None:
    request = parse_request({"file": "rolling_ball.blend", "start": start, "end": end})
    assert request.file == "rolling_ball.blend"
    assert request.frame_range() == FrameRange.parse("1-17")


def test_an_upload_renders_the_frames_of_the_scene() -> None:
    request = parse_request(upload())
    assert request == JobRequest(file="film/shot.blend")
    assert request.frame_range() is None
    assert request.fps is None


def test_the_metadata_of_an_upload_overrides_its_scene() -> None:
    metadata = {"frames": "1-3", "samples": "2", "chunk-size": "5", "Max_Workers": "7", "quality": "23", "mtime": "1"}
    request = parse_request(upload(), metadata=metadata)
    assert request == parse_request(
        {"file": "film/shot.blend", "frames": "1-3", "samples": 2, "chunk_size": 5, "max_workers": 7}
        | {"video": {"quality": 23}}
    )


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({"frames": "10-1"}, "frames"),
        ({"samples": "many"}, "samples"),
        ({"quality": "99"}, "video.quality"),
        ({"video": "h264"}, "video"),
        ({"start": "1"}, "end"),
    ],
)
def test_invalid_metadata_is_refused_with_its_field(metadata: dict[str, str], field: str) -> None:
    assert refused(upload(), **metadata).facts["field"] == field


def test_metadata_cannot_change_the_file_of_an_upload() -> None:
    assert parse_request(upload(), metadata={"file": "other.blend"}).file == "film/shot.blend"


@pytest.mark.parametrize("name", ["trust_scripts", "Trust-Scripts"])
def test_metadata_may_refuse_scripts_but_not_trust_them(name: str) -> None:
    assert refused(upload(), **{name: "true"}).facts["field"] == "trust_scripts"
    assert parse_request(upload(), metadata={name: "false"}).trust_scripts is False


def test_a_request_ignores_the_metadata_of_its_scene() -> None:
    request = {"file": "shot.blend", "samples": 16}
    assert parse_request(request, metadata={"samples": "1", "frames": "1"}) == parse_request(request)


def test_a_full_request_keeps_every_field() -> None:
    request = parse_request(FULL)
    assert request.to_json() == FULL
    assert len(request.frame_range() or ()) == 17
    assert request.settings().to_json() == {
        name: FULL[name]
        for name in (
            *("blender", "scene", "camera", "engine", "samples", "resolution_percentage", "format"),
            "trust_scripts",
        )
    }


def test_a_request_survives_step_functions() -> None:
    for request in (FULL, {"file": "a.blend", "start": -5, "end": "5", "step": "2", "fps": 23.976023976023978}):
        parsed = parse_request(request)
        assert parse_request(json.loads(json.dumps(parsed.to_json()))) == parsed


@pytest.mark.parametrize(
    ("fields", "frames"),
    [
        ({"frames": "5"}, "5"),
        ({"frames": "-3--1"}, "-3--1"),
        ({"start": 3, "end": 3}, "3"),
        ({"start": "-5", "end": "-1", "step": 2}, "-5--1:2"),
        ({"start": 1, "end": 10, "step": "3"}, "1-10:3"),
    ],
)
def test_frames_are_read_from_frames_or_start_and_end(fields: dict[str, Any], frames: str) -> None:
    assert parse_request({"file": "a.blend"} | fields).frame_range() == FrameRange.parse(frames)


@pytest.mark.parametrize("image", ["PNG", "OPEN_EXR", "JPEG"])
@pytest.mark.parametrize("output", ["frames", "video", "both"])
def test_every_frame_format_works_with_every_output(image: str, output: str) -> None:
    assert parse_request({"file": "a.blend", "format": image, "output": output}).format == image


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        ({"frames": "10-1"}, "frames", "counts down"),
        ({"frames": "1-"}, "frames", "is not a range"),
        ({"frames": "1-5,5"}, "frames", "named twice"),
        ({"frames": 7}, "frames", "takes text"),
        ({"frames": "1," * 6000 + "1"}, "frames", "exceed the limit of 10,000"),
        ({"frames": "1-3", "start": 1, "end": 3}, "frames", "cannot be combined with"),
        ({"frames": "1-3", "step": 1}, "frames", "cannot be combined with"),
        ({"start": 1}, "end", "is missing"),
        ({"end": 1}, "start", "is missing"),
        ({"step": 2}, "step", "needs `start`"),
        ({"start": 17, "end": 1}, "end", "is less than"),
        ({"start": 1, "end": 9, "step": 0}, "step", "or more"),
        ({"start": 1, "end": 9, "step": -1}, "step", "or more"),
        ({"start": "one", "end": 9}, "start", "whole number"),
        ({"start": 1.5, "end": 9}, "start", "whole number"),
        ({"start": True, "end": 9}, "start", "true or false"),
        ({"start": [1], "end": 9}, "start", "whole number"),
        ({"start": 1, "end": 10**30}, "end", "1048574"),
        ({"start": -(10**30), "end": 1}, "start", "-1048574"),
        ({"start": -1_000_000, "end": 1_000_000}, "end", "exceed the limit of 1,000,000"),
        ({"start": float("nan"), "end": 1}, "start", "whole number"),
        ({"chunk_size": 0}, "chunk_size", "or more"),
        ({"chunk_size": 10_001}, "chunk_size", "less"),
        ({"max_workers": 0}, "max_workers", "or more"),
        ({"max_workers": False}, "max_workers", "true or false"),
        ({"max_workers": 10_001}, "max_workers", "less"),
        ({"queue_timeout": 100, "chunk_timeout": 100}, "chunk_timeout", "exceed `queue_timeout`"),
        ({"chunk_timeout": 10**9}, "chunk_timeout", "less"),
        ({"fps": 0}, "fps", "1 to 1000"),
        ({"fps": True}, "fps", "frames per second"),
        ({"fps": float("nan")}, "fps", "frames per second"),
        ({"fps": [24]}, "fps", "frames per second"),
        ({"fps": "1e999999999"}, "fps", "frames per second"),
        ({"samples": 0}, "samples", "or more"),
        ({"format": "TIFF"}, "format", "'PNG', 'OPEN_EXR' or 'JPEG'"),
        ({"format": "OPEN_EXR_MULTILAYER"}, "format", "'PNG', 'OPEN_EXR' or 'JPEG'"),
        ({"output": "film"}, "output", "'both'"),
        ({"on_missing": "ignore"}, "on_missing", "'stitch'"),
        ({"missing_assets": "ignore"}, "missing_assets", "'render'"),
        ({"video": {"codec": "mpeg1"}}, "video.codec", "'h264'"),
        ({"video": {"quality": True}}, "video.quality", "true or false"),
        ({"video": "h264"}, "video", "an object with the fields codec, quality"),
        ({"run": 0}, "run", "or more"),
        ({"frame": "1-3"}, "frame", "is not a field, but 'frames' is; the fields are blender, device"),
        ({"resolution": 50}, "resolution", "is not a field, but 'resolution_percentage' is"),
        ({"Frames": "1-3"}, "Frames", "is not a field, but 'frames' is"),
        ({"file": None}, "file", "takes text"),
        ({"file": 5}, "file", "takes text"),
    ],
)
def test_an_error_names_the_field_and_its_valid_values(fields: dict[str, Any], field: str, problem: str) -> None:
    error = refused({"file": "a.blend"} | fields)
    assert error.facts["field"] == field
    assert problem in error.facts["problem"]
    assert str(error) == f"{field}: {error.facts['problem']}."
    assert len(str(error)) < 400


def test_an_error_is_one_sentence_about_its_field() -> None:
    assert str(refused({"file": "shot"})) == (
        "file: takes the key of a .blend file in the scenes bucket, such as film/shot.blend."
    )


def test_an_unknown_field_is_refused_with_the_known_fields() -> None:
    assert "file" in refused({"file": "a.blend", "frame": 1}).facts["problem"].split(": ")[-1]
    inside = refused({"file": "a.blend", "video": {"bitrate": 1}})
    assert inside.facts["field"] == "video.bitrate"
    assert inside.facts["problem"].endswith("the fields are codec, quality")


@pytest.mark.parametrize("request_", [None, [], "shot.blend", 5, True, [{"file": "a.blend"}]])
def test_input_that_is_not_an_object_is_refused_with_an_example(request_: object) -> None:
    assert '{"file": "shot.blend"}' in str(refused(request_))


def test_a_request_without_a_file_is_refused() -> None:
    assert refused({"frames": "1-3"}).facts["field"] == "file"


@pytest.mark.parametrize("detail", [None, {}, {"object": {}}, {"object": None}, {"object": {"key": 5}}, "x", [1], 5])
def test_an_upload_without_a_key_is_refused(detail: object) -> None:
    assert refused({"detail-type": "Object Created", "detail": detail}).facts["field"] == "detail.object.key"


def test_other_events_are_not_uploads() -> None:
    assert not is_upload({"detail-type": "Object Deleted"})
    assert not is_upload([])
    refused({**upload(), "detail-type": "Object Deleted"})
