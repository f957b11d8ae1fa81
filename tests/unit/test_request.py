"""What a job is asked to do, in each of its three shapes, and everything that is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model import keys
from frameloom.model.errors import InvalidRequest
from frameloom.model.frames import FIRST_FRAME, LAST_FRAME, MAX_FRAMES, FrameRange
from frameloom.model.request import (
    MAX_FILE_LENGTH,
    MAX_FILM_LENGTH,
    MAX_FRAMES_LENGTH,
    JobRequest,
    is_upload,
    parse_request,
)
from frameloom.model.settings import EXTENSIONS


def upload(key: object = "film/shot.blend") -> dict[str, Any]:
    """Return EventBridge's event of an upload, as S3 sends it."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": "2026-11-23T06:00:00Z",
        "region": "eu-central-1",
        "resources": ["arn:aws:s3:::scenes"],
        "detail": {
            "version": "0",
            "bucket": {"name": "scenes"},
            "object": {"key": key, "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184", "sequencer": "0"},
            "reason": "PutObject",
        },
    }


def refused(request: object, **metadata: str) -> InvalidRequest:
    """Return the refusal of a request."""
    with pytest.raises(InvalidRequest) as caught:
        parse_request(request, metadata=metadata)
    return caught.value


# ── The three shapes ──


@pytest.mark.parametrize(("start", "end"), [("1", "17"), (1, 17), ("01", " 17 "), (1.0, "17")])
def test_the_console_takes_a_file_a_start_and_an_end_as_numbers_or_digits(start: object, end: object) -> None:
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
def test_wrong_metadata_is_refused_by_name(metadata: dict[str, str], field: str) -> None:
    assert refused(upload(), **metadata).facts["field"] == field


def test_metadata_cannot_send_an_upload_to_another_file() -> None:
    assert parse_request(upload(), metadata={"file": "other.blend"}).file == "film/shot.blend"


@pytest.mark.parametrize("name", ["trust_scripts", "Trust-Scripts"])
def test_a_scene_cannot_vouch_for_its_own_scripts_but_may_do_without_them(name: str) -> None:
    assert refused(upload(), **{name: "true"}).facts["field"] == "trust_scripts"
    assert parse_request(upload(), metadata={name: "false"}).trust_scripts is False


def test_a_request_is_not_changed_by_the_metadata_of_its_scene() -> None:
    request = {"file": "shot.blend", "samples": 16}
    assert parse_request(request, metadata={"samples": "1", "frames": "1"}) == parse_request(request)


FULL: dict[str, Any] = {
    "file": "film/shot.blend",
    "frames": "1-10:2,15,20-30",
    "chunk_size": 5,
    "max_workers": 8,
    "queue_timeout": 60,
    "chunk_timeout": 120,
    "frame_timeout": 30,
    "blender": "4.5.15",
    "scene": "Scene",
    "camera": "Camera",
    "engine": "CYCLES",
    "samples": 16,
    "resolution_percentage": 50,
    "format": "PNG",
    "trust_scripts": True,
    "fps": "2997/100",
    "video": {"codec": "h264", "quality": 20},
    "output": "both",
    "on_missing": "stitch",
    "missing_assets": "render",
    "run": 2,
}


def test_a_full_request_says_everything() -> None:
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


def test_a_request_comes_through_step_functions_whole() -> None:
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
def test_frames_are_named_in_either_way(fields: dict[str, Any], frames: str) -> None:
    assert parse_request({"file": "a.blend"} | fields).frame_range() == FrameRange.parse(frames)


@pytest.mark.parametrize("image", ["PNG", "OPEN_EXR", "JPEG"])
@pytest.mark.parametrize("output", ["frames", "video", "both"])
def test_a_film_is_made_of_frames_in_every_format_that_is_rendered(image: str, output: str) -> None:
    assert parse_request({"file": "a.blend", "format": image, "output": output}).format == image


# ── Refusals ──


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
        ({"frame": "1-3"}, "frame", "no such field"),
        ({"Frames": "1-3"}, "Frames", "no such field"),
        ({"file": None}, "file", "takes text"),
        ({"file": 5}, "file", "takes text"),
    ],
)
def test_a_wrong_field_is_named_with_what_it_takes(fields: dict[str, Any], field: str, problem: str) -> None:
    error = refused({"file": "a.blend"} | fields)
    assert error.facts["field"] == field
    assert problem in error.facts["problem"]
    assert str(error) == f"{field}: {error.facts['problem']}."
    assert len(str(error)) < 400


def test_a_refusal_is_one_sentence_about_its_field() -> None:
    assert str(refused({"file": "shot"})) == (
        "file: takes the key of a .blend file in the scenes bucket, such as film/shot.blend."
    )


def test_a_field_that_is_not_there_is_refused_with_those_that_are() -> None:
    assert "file" in refused({"file": "a.blend", "frame": 1}).facts["problem"].split(": ")[-1]
    inside = refused({"file": "a.blend", "video": {"bitrate": 1}})
    assert inside.facts["field"] == "video.bitrate"
    assert inside.facts["problem"].endswith("the fields are codec, quality")


@pytest.mark.parametrize("request_", [None, [], "shot.blend", 5, True, [{"file": "a.blend"}]])
def test_input_that_is_no_object_is_refused_with_an_example(request_: object) -> None:
    assert '{"file": "shot.blend"}' in str(refused(request_))


def test_a_request_without_a_file_is_refused() -> None:
    assert refused({"frames": "1-3"}).facts["field"] == "file"


@pytest.mark.parametrize("detail", [None, {}, {"object": {}}, {"object": None}, {"object": {"key": 5}}, "x", [1], 5])
def test_an_upload_without_a_key_is_refused(detail: object) -> None:
    assert refused({"detail-type": "Object Created", "detail": detail}).facts["field"] == "detail.object.key"


def test_other_events_are_no_uploads() -> None:
    assert not is_upload({"detail-type": "Object Deleted"})
    assert not is_upload([])
    refused({**upload(), "detail-type": "Object Deleted"})


# ── The key of the scene ──


@pytest.mark.parametrize(
    "file",
    [
        "shot.blend",
        "film/act 1/shot.blend",
        "Überflug/Schuß.blend",
        "片/場.blend",
        "a..b.blend",
        "50%.blend",
        "a+b.blend",
        ".hidden/x.blend",
        "a. b/c .blend",
        "Se\N{COMBINING ACUTE ACCENT}quence/3·4。.blend",
        "25% off.blend",
    ],
)
def test_a_scene_may_be_called_anything_that_stays_in_its_bucket(file: str) -> None:
    assert parse_request({"file": file}).file == file
    assert parse_request(upload(file)).file == file


@pytest.mark.parametrize(
    "file",
    [
        "",
        "shot",
        "shot.blend1",
        "shot.BLEND",
        ".blend",
        "film/.blend",
        "/shot.blend",
        "film//shot.blend",
        "../shot.blend",
        "film/../shot.blend",
        "film/./shot.blend",
        "film/../../etc/passwd.blend",
        # The frames' folder is the key less its suffix.
        "...blend",
        "film/...blend",
        "..blend",
        # What someone downstream may unescape, once or twice.
        "%2e%2e/shot.blend",
        "film%2F..%2Fshot.blend",
        "%252e%252e%252fshot.blend",
        "film/%2e%2e.blend",
        "%2fshot.blend",
        "shot%00.blend",
        "%5c%5cserver%5cshot.blend",
        # Look-alikes that NFKC folds.
        "\N{ONE DOT LEADER}\N{ONE DOT LEADER}/shot.blend",
        "\N{TWO DOT LEADER}/shot.blend",
        "\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}/shot.blend",
        "film\N{FULLWIDTH SOLIDUS}\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}\N{FULLWIDTH SOLIDUS}shot.blend",
        "film/\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}.blend",
        "\N{FULLWIDTH PERCENT SIGN}2e\N{FULLWIDTH PERCENT SIGN}2e/shot.blend",
        "film\N{FULLWIDTH REVERSE SOLIDUS}shot.blend",
        "film\\shot.blend",
        "..\\shot.blend",
        "shot\n.blend",
        "shot\0.blend",
        "shot\x7f.blend",
        "shot\u202e.blend",
        "shot\u200b.blend",
        "shot\u2028.blend",
        "shot\ud800.blend",
        # Look-alikes that NFKC leaves alone, marks and spaces that nobody sees, escapes that are no UTF-8.
        "film\N{FRACTION SLASH}..\N{FRACTION SLASH}shot.blend",
        "film\N{DIVISION SLASH}..\N{DIVISION SLASH}shot.blend",
        "..\N{BIG SOLIDUS}shot.blend",
        "film\N{SET MINUS}shot.blend",
        "film\N{SMALL REVERSE SOLIDUS}shot.blend",
        "\N{IDEOGRAPHIC FULL STOP}\N{HALFWIDTH IDEOGRAPHIC FULL STOP}/shot.blend",
        "\N{HORIZONTAL ELLIPSIS}/shot.blend",
        "..\N{VARIATION SELECTOR-16}/shot.blend",
        ".\N{COMBINING GRAPHEME JOINER}./shot.blend",
        ".. /shot.blend",
        "film/ /shot.blend",
        "film/\N{NO-BREAK SPACE}.blend",
        ".../shot.blend",
        "%c0%ae%c0%ae/shot.blend",
        "film%c0%afshot.blend",
        "shot\N{RIGHT-TO-LEFT ISOLATE}.blend",
        "shot\N{ZERO WIDTH JOINER}.blend",
        "x" * 900 + ".blend",
        "ü" * 448 + ".blend",
    ],
)
def test_a_hostile_key_is_refused_in_every_shape(file: str) -> None:
    assert refused({"file": file}).facts["field"] == "file"
    assert refused(upload(file)).facts["field"] == "file"


# ── Limits, at each and past it ──


def test_the_longest_key_of_a_scene_leaves_room_for_those_of_its_frames() -> None:
    """S3 takes 1,024 bytes."""
    for letter in ("x", "ü", "場"):
        longest = letter * ((MAX_FILE_LENGTH - 6) // len(letter.encode()))
        file = parse_request({"file": f"{longest}.blend"}).file
        assert refused({"file": f"{longest}{letter}.blend"}).facts["field"] == "file"
        prefix = keys.frames_prefix(file, "0" * 16)
        made = [keys.frame_key(prefix, FIRST_FRAME, file_format) for file_format in EXTENSIONS]
        film = f"{keys.versioned(keys.video_stem(file, 'x' * MAX_FILM_LENGTH), 1000)}.mp4"
        assert all(len(key.encode()) <= 1024 for key in [*made, keys.video_key(file, "mp4"), film])


@pytest.mark.parametrize("film", ["", "night.mp4", "night.MOV", "a/b", "..", "%2e%2e%2fnight", "a\nb", "x" * 101])
def test_a_films_name_is_a_files_without_folder_and_ending(film: str) -> None:
    assert refused({"file": "shot.blend", "film": film}).facts["field"] == "film"
    assert parse_request({"file": "shot.blend", "film": "shot 010.client-night"}).film == "shot 010.client-night"


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
def test_a_number_is_taken_at_its_limits_and_refused_past_them(field: str, least: int, most: int) -> None:
    for number in (least, most):
        assert str(getattr(parse_request({"file": "a.blend", field: number}), field)) == str(number)
    for number in (least - 1, most + 1):
        assert refused({"file": "a.blend", field: number}).facts["field"] in {field, "chunk_timeout"}


@pytest.mark.parametrize("field", ["scene", "camera", "blender"])
def test_a_name_is_taken_at_its_limit_and_refused_past_it(field: str) -> None:
    assert getattr(parse_request({"file": "a.blend", field: "x" * 63}), field) == "x" * 63
    for name in ("", "x" * 64):
        assert refused({"file": "a.blend", field: name}).facts["field"] == field


def test_frames_are_taken_at_their_limits_and_refused_past_them() -> None:
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


# ── Anything at all ──

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
def test_any_metadata_makes_a_request_or_an_invalid_request(metadata: dict[str, str]) -> None:
    try:
        request = parse_request(upload(), metadata=metadata)
    except InvalidRequest:
        return
    assert request.file == "film/shot.blend"


@given(st.text().map(lambda name: f"{name}.blend"))
def test_an_accepted_key_has_no_part_that_leads_out(file: str) -> None:
    try:
        parse_request({"file": file})
    except InvalidRequest:
        return
    parts = file.removesuffix(".blend").split("/")
    assert not {"", ".", ".."} & {part.strip() for part in parts}
    assert "\\" not in file
