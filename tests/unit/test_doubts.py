"""Frames of one colour: who is believed, and when."""

import pytest

from frameloom.model.errors import FrameInvalid
from frameloom.model.job import OutputRef, SceneRef
from frameloom.model.messages import ChunkMessage
from frameloom.model.settings import RenderSettings
from frameloom.testing import MemoryStore
from worker.flat_frames import Doubts


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
    """A store in which process a of worker one has found frame 2 black."""
    store = MemoryStore()
    with pytest.raises(FrameInvalid, match="Frame 2 is invalid: all pixels have one colour"):
        doubts(store).settle(chunk(), 2, "0_0_0", process="a")
    return store


@pytest.mark.parametrize("worker", ["one", "other"])
def test_two_processes_that_agree_are_believed_whatever_the_attempt_and_the_worker(
    store: MemoryStore, worker: str
) -> None:
    doubts(store, worker).settle(chunk(), 2, "0_0_0", process="b")
    doubts(store, worker).settle(chunk(attempt=1, chunk_id="2-000000"), 2, "0_0_0", process="b")


@pytest.mark.parametrize(
    ("message", "frame", "colour", "process"),
    [(chunk(), 2, "0_0_0", "a"), (chunk(attempt=1), 2, "0_0_0", "a"), (chunk(chunk_id="2-000000"), 2, "0_0_0", "a"),
     (chunk(attempt=1), 2, "1_0_1", "b"), (chunk(attempt=1), 3, "0_0_0", "b"), (chunk(attempt=1), 22, "0_0_0", "b"),
     (chunk(attempt=1), 2, "0_0_0_0", "b"), (chunk(attempt=1, job_id="other"), 2, "0_0_0", "b")],
    ids=["the same process again", "its next attempt", "its next round", "another colour", "another frame",
         "a frame that begins alike", "a colour that begins alike", "another job"],
)  # fmt: skip
def test_nothing_else_is_a_second_opinion(
    store: MemoryStore, message: ChunkMessage, frame: int, colour: str, process: str
) -> None:
    with pytest.raises(FrameInvalid):
        doubts(store).settle(message, frame, colour, process=process)


def test_a_finding_stays_one_however_often_it_is_found(store: MemoryStore) -> None:
    with pytest.raises(FrameInvalid):
        doubts(store).settle(chunk(attempt=1), 2, "0_0_0", process="a")
    assert [found.key for found in store.list("logs", "")] == ["jobs/job/flat/2/0_0_0/one-a.json"]
