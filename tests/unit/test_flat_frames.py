"""Flat frames: which process confirms them."""

import pytest

from frameloom.model.errors import FrameInvalid
from frameloom.model.job import OutputRef, SceneRef
from frameloom.model.messages import ChunkMessage
from frameloom.model.settings import RenderSettings
from frameloom.testing import MemoryStore
from worker.flat_frames import FlatFrames


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


BLACK = {"000002.png": "0_0_0"}


def doubts(store: MemoryStore, worker: str = "one") -> FlatFrames:
    """Return the flat frames of a worker, in a bucket that all workers share."""
    return FlatFrames(store=store, bucket="logs", worker=worker)


@pytest.fixture
def store() -> MemoryStore:
    """A store in which process a of worker one has found frame 2 black."""
    store = MemoryStore()
    with pytest.raises(FrameInvalid, match="Frame 2 is invalid: all pixels have one colour"):
        doubts(store).confirm(chunk(), 2, BLACK, process="a")
    return store


@pytest.mark.parametrize("worker", ["one", "other"])
def test_a_flat_frame_is_confirmed_by_another_process_of_any_attempt_and_worker(
    store: MemoryStore, worker: str
) -> None:
    doubts(store, worker).confirm(chunk(), 2, BLACK, process="b")
    doubts(store, worker).confirm(chunk(attempt=1, chunk_id="2-000000"), 2, BLACK, process="b")


@pytest.mark.parametrize(
    ("message", "frame", "colour", "process"),
    [(chunk(), 2, "0_0_0", "a"), (chunk(attempt=1), 2, "0_0_0", "a"), (chunk(chunk_id="2-000000"), 2, "0_0_0", "a"),
     (chunk(attempt=1), 2, "1_0_1", "b"), (chunk(attempt=1), 3, "0_0_0", "b"), (chunk(attempt=1), 22, "0_0_0", "b"),
     (chunk(attempt=1), 2, "0_0_0_0", "b"), (chunk(attempt=1, job_id="other"), 2, "0_0_0", "b")],
    ids=["the same process again", "its next attempt", "its next round", "another colour", "another frame",
         "a frame that begins alike", "a colour that begins alike", "another job"],
)  # fmt: skip
def test_nothing_else_confirms_a_flat_frame(
    store: MemoryStore, message: ChunkMessage, frame: int, colour: str, process: str
) -> None:
    with pytest.raises(FrameInvalid):
        doubts(store).confirm(message, frame, {f"{frame:06d}.png": colour}, process=process)


def test_a_process_records_the_same_flat_frame_once(store: MemoryStore) -> None:
    with pytest.raises(FrameInvalid):
        doubts(store).confirm(chunk(attempt=1), 2, BLACK, process="a")
    assert [found.key for found in store.list("logs", "")] == ["jobs/job/flat/000002.png/0_0_0/one-a.json"]


def test_each_flat_view_of_a_frame_needs_its_own_confirmation(store: MemoryStore) -> None:
    views = {"000005_L.png": "0_0_0", "000005_R.png": "1_1_1"}
    for process, found in (("a", {"000005_L.png": "0_0_0"}), ("b", views)):
        with pytest.raises(FrameInvalid):
            doubts(store).confirm(chunk(), 5, found, process=process)
    doubts(store).confirm(chunk(), 5, views, process="c")
