"""Frames of one colour: who is believed, and when."""

import pytest

from frameloom.model.errors import FrameInvalid
from frameloom.model.job import OutputRef, SceneRef
from frameloom.model.messages import ChunkMessage
from frameloom.model.settings import RenderSettings
from frameloom.services.memory import MemoryStore
from worker.doubts import Doubts


def chunk(*, attempt: int = 0, chunk_id: str = "1-000000", job_id: str = "job") -> ChunkMessage:
    """Return a chunk of frames 1 to 3."""
    return ChunkMessage(
        version=1,
        task_token="token",
        job_id=job_id,
        chunk_id=chunk_id,
        attempt=attempt,
        scene=SceneRef(bucket="scenes", key="shot.blend", digest="0"),
        frames="1-3",
        output=OutputRef(bucket="frames", prefix="shot/0/"),
        settings=RenderSettings(),
    )


def doubts(store: MemoryStore, worker: str = "one") -> Doubts:
    """Return what a worker has found, in a bucket that all of them share."""
    return Doubts(store=store, bucket="logs", worker=worker)


@pytest.fixture
def store() -> MemoryStore:
    """A store in which attempt 0 of worker one has found frame 2 black."""
    store = MemoryStore()
    with pytest.raises(FrameInvalid, match="Frame 2 is not fit to be stored: all of it is of one colour"):
        doubts(store).settle(chunk(), 2, "0_0_0")
    return store


def test_two_workers_that_agree_are_believed_whatever_the_attempt(store: MemoryStore) -> None:
    doubts(store, "other").settle(chunk(), 2, "0_0_0")


def test_two_attempts_that_agree_are_believed_where_there_is_but_one_worker(store: MemoryStore) -> None:
    doubts(store).settle(chunk(attempt=1), 2, "0_0_0")
    doubts(store).settle(chunk(chunk_id="2-000000"), 2, "0_0_0")


@pytest.mark.parametrize(
    ("message", "frame", "colour"),
    [(chunk(), 2, "0_0_0"), (chunk(attempt=1), 2, "1_0_1"), (chunk(attempt=1), 3, "0_0_0"),
     (chunk(attempt=1), 22, "0_0_0"), (chunk(attempt=1), 2, "0_0_0_0"), (chunk(attempt=1, job_id="other"), 2, "0_0_0")],
    ids=["the same attempt again", "another colour", "another frame", "a frame that begins alike",
         "a colour that begins alike", "another job"],
)  # fmt: skip
def test_nothing_else_is_a_second_opinion(store: MemoryStore, message: ChunkMessage, frame: int, colour: str) -> None:
    with pytest.raises(FrameInvalid):
        doubts(store).settle(message, frame, colour)


def test_a_finding_stays_one_however_often_it_is_found(store: MemoryStore) -> None:
    with pytest.raises(FrameInvalid):
        doubts(store).settle(chunk(), 2, "0_0_0")
    assert [found.key for found in store.list("logs", "")] == ["jobs/job/flat/2/0_0_0/1-000000-0-one.json"]
