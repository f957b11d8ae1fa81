"""VerifyFrames: the frames in S3 determine the next state."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model import keys
from frameloom.model.errors import FramesMissing
from frameloom.model.rounds import LAST, SCOUTS
from frameloom.model.timings import Timings
from frameloom.services import measured_times
from frameloom.services.storage import job_documents
from frameloom.services.verify_frames import MAX_FRAMES_IN_MESSAGE, SEGMENT_FRAMES, plan_segments, verify
from frameloom.testing import MemoryStore
from tests.jobs import BUCKETS, make_job, put_frames, put_result


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def verified(store: MemoryStore, round_number: int = 1) -> dict[str, Any]:
    return verify("shot-1", round_number, store=store, buckets=BUCKETS)


def listed_segments(store: MemoryStore) -> Any:
    return job_documents.read(store, BUCKETS.logs, keys.segments_key("shot-1"))


def missing(store: MemoryStore, round_number: int = LAST) -> FramesMissing:
    with pytest.raises(FramesMissing) as caught:
        verified(store, round_number)
    return caught.value


def test_a_job_with_all_frames_continues_with_its_film(store: MemoryStore) -> None:
    put_frames(store, make_job(store, "1-17"), range(1, 18))
    assert verified(store) == {
        "next": "EncodeSegments",
        "round": 2,
        "missing": 0,
        "segments": {"bucket": BUCKETS.logs, "key": "jobs/shot-1/segments.json", "count": 1, "at_once": 40},
    }
    assert listed_segments(store) == [{"segment": 0, "first": 0, "count": 17}]


def test_missing_frames_get_one_more_round(store: MemoryStore) -> None:
    put_frames(store, make_job(store, "1-17"), range(1, 15))
    assert verified(store, 1) == {"next": "PlanChunks", "round": 2, "missing": 3, "segments": None}


def test_after_the_last_round_the_job_fails_with_the_missing_frames(store: MemoryStore) -> None:
    put_frames(store, make_job(store, "1-17"), [1, 2, 3, 7, 17])
    assert missing(store).facts["frames"] == "4-6,8-16"
    assert str(missing(store)) == "12 of 17 frames are missing: 4-6,8-16. No worker reported an error."


@pytest.mark.parametrize("round_number", [1, 2])
def test_only_frames_in_s3_count_not_reported_ones(store: MemoryStore, round_number: int) -> None:
    """In the original system, two statuses for 'done' contradicted each other. Here, only S3 counts."""
    job = make_job(store, "1-3")
    put_result(store, job, "1-000000", "1-3", rendered=3, frame_seconds={"1": 1.0, "2": 1.0, "3": 1.0})
    if round_number == 1:
        assert verified(store, 1)["next"] == "PlanChunks"
    else:
        assert missing(store).facts["count"] == 3


def test_with_on_missing_stitch_the_film_has_the_existing_frames(store: MemoryStore) -> None:
    put_frames(store, make_job(store, "1-17", on_missing="stitch"), [1, 5, 9])
    assert verified(store, 1)["next"] == "PlanChunks"
    answer = verified(store, LAST)
    assert (answer["next"], answer["missing"]) == ("EncodeSegments", 14)
    assert listed_segments(store) == [{"segment": 0, "first": 0, "count": 3}]


def test_even_with_on_missing_stitch_a_film_needs_a_frame(store: MemoryStore) -> None:
    make_job(store, "1-17", on_missing="stitch")
    assert missing(store).facts["count"] == 17


@pytest.mark.parametrize("on_missing", ["fail", "stitch"])
def test_a_job_for_frames_alone_continues_with_its_report(store: MemoryStore, on_missing: str) -> None:
    put_frames(store, make_job(store, "1-3", output="frames", on_missing=on_missing), [1, 2, 3])
    assert verified(store) == {"next": "LogJob", "round": 2, "missing": 0, "segments": None}


def test_a_job_with_output_video_fails_at_once_if_frames_are_missing(store: MemoryStore) -> None:
    put_frames(store, make_job(store, "1-3", output="video"), [1, 3])
    assert "render them first" in str(missing(store, 1))


def test_a_job_with_output_video_films_existing_frames(store: MemoryStore) -> None:
    put_frames(store, make_job(store, "1-3", output="video"), [1, 2, 3])
    assert verified(store)["next"] == "EncodeSegments"


def test_the_error_includes_the_error_of_the_last_attempt_at_a_missing_frame(store: MemoryStore) -> None:
    job = make_job(store, "1-9")
    put_frames(store, job, [1, 2, 3, 7, 8, 9])
    put_result(store, job, "1-000001", "4-6", error="RenderCrashed", cause="first")
    put_result(store, job, "1-000001", "4-6", attempt=1, error="OutOfMemory", cause="Blender ran out of memory")
    # This chunk failed once too, but another worker rendered it.
    put_result(store, job, "1-000002", "7-9", error="FrameInvalid", cause="truncated")
    put_result(store, job, "1-000002", "7-9", attempt=1, rendered=3)
    assert missing(store).facts["reason"] == "The last attempt failed with OutOfMemory: Blender ran out of memory"


def test_the_job_fails_before_other_frames_if_all_scouts_fail(store: MemoryStore) -> None:
    job = make_job(store, "1-3000", on_missing="stitch")
    for index, frame in enumerate(["1", "1501", "3000"]):
        for attempt in range(3):
            put_result(store, job, f"0-{index:06d}", frame, attempt=attempt, error="RenderCrashed", cause=f"at {frame}")
    assert str(missing(store, SCOUTS)) == (
        "3000 of 3000 frames are missing: 1-200 and 2,800 more. Frames 1, 1501, 3000, rendered first, failed. "
        "The last attempt failed with RenderCrashed: at 3000"
    )


def test_the_job_continues_if_one_scout_renders(store: MemoryStore) -> None:
    job = make_job(store, "1-3000")
    put_result(store, job, "0-000000", "1", error="RenderCrashed", cause="at 1")
    put_result(store, job, "0-000001", "1501", error="RenderCrashed", cause="at 1501")
    put_result(store, job, "0-000002", "3000", rendered=1, seconds=3, frame_seconds={"3000": 2.0})
    put_frames(store, job, [3000])
    assert verified(store, SCOUTS) == {"next": "PlanChunks", "round": 1, "missing": 2999, "segments": None}


def test_the_job_continues_if_no_worker_received_the_scouts(store: MemoryStore) -> None:
    make_job(store, "1-3000")
    assert verified(store, SCOUTS)["next"] == "PlanChunks"


def test_measured_times_are_stored_for_the_next_round_and_the_next_job(store: MemoryStore) -> None:
    job = make_job(store, "1-9")
    put_frames(store, job, range(1, 10))
    put_result(store, job, "1-000000", "1-3", rendered=3, seconds=9.5, frame_seconds={"1": 1.0, "2": 2.0, "3": 3.0})
    verified(store)
    assert measured_times.load(store, BUCKETS, job) == Timings(start=3.5, frames={"2": 2.0})
    other = make_job(store, "10-20", job_id="shot-2")
    assert measured_times.load(store, BUCKETS, other) == Timings(start=3.5, frames={"2": 2.0})


def test_a_long_list_of_missing_frames_is_cut(store: MemoryStore) -> None:
    job = make_job(store, "1-10000")
    put_frames(store, job, range(2, 10_001, 2))
    message = str(missing(store))
    assert message.startswith("5000 of 10000 frames are missing: 1-399:2 and 4,800 more.")
    put_frames(store, job, range(MAX_FRAMES_IN_MESSAGE * 2 + 1, 10_001, 2))
    assert missing(store).facts["frames"] == "1-399:2"


@given(st.integers(1, 1_000_000))
def test_segments_cover_each_frame_once_in_order_with_nearly_equal_lengths(frames: int) -> None:
    segments = plan_segments(frames)
    assert [segment.segment for segment in segments] == list(range(len(segments)))
    edge = 0
    for segment in segments:
        assert segment.first == edge
        assert 1 <= segment.count <= SEGMENT_FRAMES
        edge += segment.count
    assert edge == frames
    assert max(segment.count for segment in segments) - min(segment.count for segment in segments) <= 1


@pytest.mark.parametrize(
    ("frames", "segments"), [(1, 1), (199, 1), (200, 2), (300, 3), (3_000, 30), (20_000, 40), (100_000, 200)]
)
def test_a_film_has_at_least_as_many_segments_as_encoders(frames: int, segments: int) -> None:
    assert len(plan_segments(frames)) == segments


def test_the_output_is_equally_short_for_a_long_film(store: MemoryStore) -> None:
    """The list of segments is in S3, since the state of an execution is limited."""
    answers = []
    for frames in (1_000, 20_000):
        put_frames(store, make_job(store, f"1-{frames}"), range(1, frames + 1))
        answers.append(json.dumps(verified(store)))
        assert len(listed_segments(store)) == len(plan_segments(frames))
    assert len(answers[1]) == len(answers[0])
