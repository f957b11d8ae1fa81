"""Frame ranges: their grammar and their laws."""

import re
import time
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model.errors import InvalidRequest
from frameloom.model.frames import FIRST_FRAME, LAST_FRAME, MAX_FRAMES, FrameRange

# Close together, so that strides, neighbours and overlaps occur.
frame_numbers = st.integers(-60, 60) | st.integers(FIRST_FRAME, LAST_FRAME)
frame_sets = st.sets(frame_numbers, max_size=80)
ranges = frame_sets.map(FrameRange.of)
full_ranges = st.sets(frame_numbers, min_size=1, max_size=80).map(FrameRange.of)
spans = st.tuples(st.integers(-50, 50), st.integers(0, 30), st.integers(1, 7)).map(
    lambda span: (span[0], span[0] + span[1], span[2])
)


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("7", [7]),
        ("-7", [-7]),
        ("+7", [7]),
        ("1-5", [1, 2, 3, 4, 5]),
        ("3-3", [3]),
        ("1-10:3", [1, 4, 7, 10]),
        ("1-9:3", [1, 4, 7]),
        ("-5--3", [-5, -4, -3]),
        ("-2-1", [-2, -1, 0, 1]),
        ("1-10:2,15,20-22", [1, 3, 5, 7, 9, 15, 20, 21, 22]),
        ("20-22,15,1-2", [1, 2, 15, 20, 21, 22]),
        ("1-5:2,2-4:2", [1, 2, 3, 4, 5]),
        (" 1 , 3 ", [1, 3]),
        ("007", [7]),
        # The examples of OpenJD, and its descending form.
        ("1 - 5", [1, 2, 3, 4, 5]),
        ("1-10 : 2", [1, 3, 5, 7, 9]),
        ("\t1\n-  10 :\t4 ,  12", [1, 5, 9, 12]),
        ("- 5 - - 3", [-5, -4, -3]),
        ("10-1:-1", list(range(1, 11))),
        ("10 - 1 : -3", [1, 4, 7, 10]),
        ("10-2:-3", [4, 7, 10]),
        ("-1--5:-2", [-5, -3, -1]),
        ("3-3:-1", [3]),
        ("5-1:-2,2", [1, 2, 3, 5]),
    ],
)
def test_text_of_the_grammar_names_its_frames_in_order(text: str, frames: list[int]) -> None:
    assert list(FrameRange.parse(text)) == frames


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ",",
        "1,",
        ",1",
        "1-",
        "-",
        "abc",
        "1-10:",
        "1:2",
        "1..3",
        "1 2",
        "1-10: ",
        "1.5",
        "0x1",
        "1;2",
        "1-2-3",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "1e3",
    ],
)
def test_text_outside_the_grammar_is_refused_with_an_example_of_it(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"1-10:2,15,20-30"):
        FrameRange.parse(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("10-1", "counts down: write 1-10, or 10-1:-1"),
        ("-1--5", "counts down: write -5--1, or -1--5:-1"),
        ("10-1:3", "counts down: write 1-10:3, or 10-1:-3"),
        ("1-10:0", "step of '1-10:0' must not be 0"),
        ("1-10:-2", "the step of '1-10:-2' is negative, but the range counts up: write 1-10:2"),
        ("1-10x2", "is not a range of frames: OpenCue's 1-10x2 is 1-10:2 here"),
        ("10-1 X -2", "OpenCue's 10-1 X -2 is 10-1:-2 here"),
        ("1-10y2", "OpenCue's 1-10y2 is 2-10:2 here"),
        ("1-10y3", "OpenCue's 1-10y3 is 2-3,5-6,8-9 here"),
        ("1-10x0", "write frames like 7"),
        ("1-1000y7", "OpenCue's 1-1000y7 is 2-7,9-14,16-21,23-28,30-35,... here"),
        ("1-10y1", "write frames like 7"),
        ("1-5,5-9", "frame 5 is named twice"),
        ("1-9:2,1-9:4", "frame 1 is named twice"),
        ("3,3", "frame 3 is named twice"),
        (f"{LAST_FRAME + 1}", "outside Blender's limits"),
        (f"{FIRST_FRAME - 1}", "outside Blender's limits"),
        ("1-1000001", "1,000,001 frames exceed the limit of 1,000,000"),
        ("1-900000,900001-1000001", "exceed the limit"),
        ("1-" + "9" * 5000, "is not a range of frames"),
    ],
)
def test_ranges_that_no_job_can_have_are_refused_with_the_reason(text: str, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem.replace("(", r"\(")) as caught:
        FrameRange.parse(text)
    assert caught.value.facts["field"] == "frames"


def test_an_error_names_the_given_field() -> None:
    with pytest.raises(InvalidRequest, match=r"^end: "):
        FrameRange.between(1, 2_000_000, field="end")


def test_the_error_for_a_long_text_is_short() -> None:
    with pytest.raises(InvalidRequest) as caught:
        FrameRange.parse("1-2," * 5000 + "x" * 5000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ([7], "7"),
        ([1, 2], "1-2"),
        ([1, 3], "1,3"),
        ([1, 3, 5], "1-5:2"),
        ([1, 3, 4, 5], "1,3-5"),
        ([-3, -2, -1], "-3--1"),
        ([1, 2, 3, 10, 20, 30, 31], "1-3,10-30:10,31"),
        ([], ""),
    ],
)
def test_a_range_prints_in_its_shortest_form(frames: list[int], text: str) -> None:
    assert str(FrameRange.of(frames)) == text


@pytest.mark.parametrize("text", ["7-7", "1-2", "1-3:2", "1-4:2", "1-9:4", "1-10:4", "1-2:7"])
def test_a_single_span_is_the_range_of_its_frames(text: str) -> None:
    assert FrameRange.parse(text) == FrameRange.of(list(FrameRange.parse(text)))


@given(full_ranges)
def test_parse_is_the_inverse_of_print(frames: FrameRange) -> None:
    assert FrameRange.parse(str(frames)) == frames


def test_a_printed_range_of_any_length_is_parsed_again() -> None:
    # A text of 22 characters whose range prints as 60,000: pairs of frames with gaps.
    frames = FrameRange.parse("1-20000:3,2-20000:3")
    assert len(str(frames)) > 60_000
    assert FrameRange.parse(str(frames)) == frames


@given(st.lists(spans, min_size=1, max_size=6))
def test_parse_accepts_only_ranges_that_name_each_frame_once(named: list[tuple[int, int, int]]) -> None:
    text = ",".join(f"{first}-{last}:{step}" for first, last, step in named)
    frames = [frame for first, last, step in named for frame in range(first, last + 1, step)]
    if len(set(frames)) == len(frames):
        assert list(FrameRange.parse(text)) == sorted(frames)
    else:
        with pytest.raises(InvalidRequest, match="named twice"):
            FrameRange.parse(text)


@given(st.integers(-50, 50), st.integers(0, 60), st.integers(1, 9))
def test_a_descending_range_holds_the_frames_that_it_counts_down(last: int, length: int, step: int) -> None:
    first = last + length
    frames = FrameRange.parse(f"{first}-{last}:-{step}")
    assert list(frames) == list(range(first, last - 1, -step))[::-1]
    assert FrameRange.parse(str(frames)) == frames


@given(
    st.sampled_from(["7", "-7", "1-10", "-5--1", "1-10:3", "10-1:-3", "1-4,9-7:-1"]),
    st.lists(st.sampled_from(["", " ", "\t", "\n", "   "]), min_size=24, max_size=24),
)
def test_white_space_between_numbers_and_signs_is_ignored(text: str, blanks: list[str]) -> None:
    parts = re.findall(r"\d+|\D", text)
    spaced = "".join(blank + part for blank, part in zip(blanks, [*parts, ""], strict=False))
    assert FrameRange.parse(spaced) == FrameRange.parse(text)


@given(st.text() | st.text(alphabet="0123456789-+:,xy ", max_size=30))
def test_any_text_is_a_range_or_an_invalid_request(text: str) -> None:
    try:
        frames = FrameRange.parse(text)
    except InvalidRequest:
        return
    listed = list(frames)
    assert listed == sorted(set(listed))
    assert 1 <= len(listed) <= MAX_FRAMES


@given(frame_sets)
def test_a_range_of_frames_holds_those_frames_in_order(frames: set[int]) -> None:
    made = FrameRange.of(frames)
    assert list(made) == sorted(frames)
    assert len(made) == len(frames)
    assert all(frame in made for frame in frames)
    assert all((frame in made) == (frame in frames) for frame in range(-65, 66))


@given(frame_sets, st.randoms(use_true_random=False))
def test_ranges_of_the_same_frames_are_equal(frames: set[int], random: Random) -> None:
    shuffled = sorted(frames)
    random.shuffle(shuffled)
    assert FrameRange.of(shuffled + shuffled) == FrameRange.of(frames)
    if frames:
        assert FrameRange.parse(",".join(map(str, shuffled))) == FrameRange.of(frames)


@given(ranges, st.integers(1, 100))
def test_chunks_cover_each_frame_once_and_in_order(frames: FrameRange, size: int) -> None:
    chunks = list(frames.chunks(size))
    assert [frame for chunk in chunks for frame in chunk] == list(frames)
    assert all(len(chunk) == size for chunk in chunks[:-1])
    assert all(1 <= len(chunk) <= size for chunk in chunks)
    assert all(FrameRange.parse(str(chunk)) == chunk for chunk in chunks)


@given(ranges, st.integers(0, 90), st.integers(0, 90))
def test_a_slice_holds_the_frames_at_those_indices(frames: FrameRange, first: int, count: int) -> None:
    assert list(frames.slice(first, count)) == list(frames)[first : first + count]


@given(ranges, frame_sets)
def test_without_removes_only_the_given_frames(frames: FrameRange, gone: set[int]) -> None:
    left = frames.without(gone)
    assert list(left) == [frame for frame in frames if frame not in gone]
    assert left == FrameRange.of(set(frames) - gone)
    assert frames.without(()) == frames
    assert not frames.without(frames)


@given(st.integers(-1000, 1000), st.integers(0, 500), st.integers(1, 20))
def test_between_includes_both_ends(start: int, length: int, step: int) -> None:
    frames = FrameRange.between(start, start + length, step)
    assert list(frames) == list(range(start, start + length + 1, step))


@pytest.mark.parametrize("text", ["1-1000000", "-500000-499999", "1-999999:2,2-1000000:2", "500001-1000000,1-500000"])
def test_a_million_frames_are_quick_to_make(text: str) -> None:
    begun = time.process_time()
    assert len(FrameRange.parse(text)) == MAX_FRAMES
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("text", ["1" + " " * 100_000 + "x", "1 - " * 20_000, "1-" + " " * 100_000 + "9 y"])
def test_a_text_of_endless_white_space_is_refused_at_once(text: str) -> None:
    begun = time.process_time()
    with pytest.raises(InvalidRequest):
        FrameRange.parse(text)
    assert time.process_time() - begun < 1


def test_ranges_over_the_limit_are_refused_without_listing_their_frames() -> None:
    begun = time.process_time()
    with pytest.raises(InvalidRequest, match="exceed the limit"):
        FrameRange.parse(",".join([f"{FIRST_FRAME}-{LAST_FRAME}"] * 2000))
    assert time.process_time() - begun < 1
