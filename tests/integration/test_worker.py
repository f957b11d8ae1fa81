"""The worker with a real Blender, a queue and a store in memory."""

import hashlib
import io
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from frameloom.model.errors import SceneNotFound
from frameloom.model.job import OutputRef, SceneRef
from frameloom.model.log_event import LogEvent
from frameloom.model.messages import ChunkMessage, LogBatch
from frameloom.model.settings import RenderSettings
from frameloom.services.images.integrity import check_image
from frameloom.services.storage.ports import Received
from frameloom.testing import MemoryQueue, MemoryStore, MemoryTokens
from tests.scenes import make_scene
from worker.blender import Blender, Rendered
from worker.config import WorkerConfig
from worker.log_shipper import LogShipper
from worker.supervisor import Supervisor
from worker.workdir import WorkerFolder

PREFIX = "shot/0123456789abcdef/"


class Farm:
    """One worker in this process, and all that it talks to."""

    def __init__(self, folder: Path) -> None:
        self.store, self.answers = MemoryStore(), MemoryTokens()
        self.records: list[dict[str, Any]] = []
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self.queue = MemoryQueue()
        self.supervisor: Supervisor | None = None

    def message(
        self,
        scene: Path,
        frames: str,
        *,
        token: str = "token",  # noqa: S107
        frame_timeout: int = 3600,
        **settings: Any,
    ) -> str:
        """Store a scene and return a chunk of it."""
        data = scene.read_bytes()
        self.store.put("scenes", scene.name, data)
        return json.dumps(
            ChunkMessage(
                version=1,
                task_token=token,
                job_id="job",
                chunk_id=f"1-{token}",
                attempt=0,
                scene=SceneRef(bucket="scenes", key=scene.name, digest=hashlib.sha256(data).hexdigest()),
                frames=frames,
                output=OutputRef(bucket="frames", prefix=PREFIX),
                settings=RenderSettings(**settings),
                frame_timeout=frame_timeout,
            ).to_json()
        )

    def work(
        self,
        *bodies: str,
        lease: float = 120,
        growth: int = 2**30,
        beside: Callable[[], None] = lambda: None,
    ) -> None:
        """Run a worker until the queue is empty, and something beside it."""
        # Step Functions makes a new token for each attempt; a test may use the same one for several runs.
        for token in [token for token in self.answers.answers if any(json.dumps(token) in body for body in bodies)]:
            del self.answers.answers[token]
        self.queue = MemoryQueue(*bodies, on_empty=lambda: signal.raise_signal(signal.SIGTERM))
        config = WorkerConfig(
            chunk_queue="chunks",
            log_queue="logs",
            log_bucket="logs",
            name="worker-1",
            scratch=self.scratch,
            blender="4.5.15",
            lease=timedelta(seconds=lease),
            idle_exit=None,
            growth=growth,
        )
        with (
            WorkerFolder(self.scratch) as folder,
            LogShipper(worker="worker-1", send=self._take, folder=folder.logs) as shipper,
        ):
            self.supervisor = Supervisor(
                config=config,
                queue=self.queue,
                store=self.store,
                tokens=self.answers,
                shipper=shipper,
                blender=Blender(scratch=folder.path),
                folder=folder.path,
            )
            with ThreadPoolExecutor(1) as pool:
                watched = pool.submit(self._watch, beside)
                self.supervisor.run()
            watched.result()

    def frames(self) -> list[str]:
        """Return the names of the frames in S3."""
        return [stored.key.removeprefix(PREFIX) for stored in self.store.list("frames", PREFIX)]

    def pixels(self, name: str) -> bytes:
        """Return a frame's pixels."""
        return Image.open(io.BytesIO(self.store.get("frames", PREFIX + name) or b"")).tobytes()

    def results(self) -> list[dict[str, Any]]:
        """Return the chunks' results."""
        found = self.store.list("logs", "jobs/job/results/")
        return [json.loads(self.store.get("logs", stored.key) or b"") for stored in found]

    def wait_for(self, event: LogEvent) -> None:
        """Wait until the worker has logged `event`."""
        deadline = time.monotonic() + 60
        while not any(record.get("event") == event for record in self.records):
            assert time.monotonic() < deadline, f"the worker never logged {event}: {self.records}"
            time.sleep(0.01)

    def _watch(self, beside: Callable[[], None]) -> None:
        try:
            beside()
        except BaseException:
            # The worker would wait for what never comes.
            os.kill(os.getpid(), signal.SIGTERM)
            raise

    def _take(self, body: str) -> None:
        batch = LogBatch.model_validate_json(body)
        self.records += [record.to_json() for record in batch.records]


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    """A farm whose worker leaves nothing behind, whatever happened to it."""
    farm = Farm(tmp_path)
    yield farm
    assert list(farm.scratch.iterdir()) == []


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny scene."""
    return make_scene(tmp_path_factory.mktemp("scene") / "shot.blend", frames=(1, 10))


@pytest.fixture(scope="session")
def slow_scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene whose frames take far longer than any test."""
    return make_scene(tmp_path_factory.mktemp("slow") / "slow.blend", frames=(1, 10), size=(1920, 1080), samples=4096)


def test_a_chunk_is_rendered_stored_and_answered_once(farm: Farm, scene: Path) -> None:
    body = farm.message(scene, "3-5")
    farm.work(body)
    assert farm.frames() == ["000003.png", "000004.png", "000005.png"]
    for name in farm.frames():
        check_image(farm.store.get("frames", PREFIX + name) or b"", format="PNG", frame=0, size=(64, 36))
    answer = farm.answers.succeeded["token"]
    assert (answer["rendered"], answer["reused"], answer["worker"]) == (3, 0, "worker-1")
    assert farm.queue.deleted == [body]
    assert farm.queue.sent == []
    [result] = farm.results()
    assert sorted(result["frame_seconds"]) == ["3", "4", "5"]


def test_settings_reach_blender(farm: Farm, scene: Path) -> None:
    farm.work(farm.message(scene, "1", resolution_percentage=50, format="JPEG"))
    assert farm.frames() == ["000001.jpg"]
    check_image(farm.store.get("frames", PREFIX + "000001.jpg") or b"", format="JPEG", frame=1, size=(32, 18))


def test_the_same_frame_twice_is_the_same_pixels_and_another_frame_is_not(farm: Farm, scene: Path) -> None:
    farm.work(farm.message(scene, "2-3"))
    second, third = farm.pixels("000002.png"), farm.pixels("000003.png")
    farm.store.delete("frames", PREFIX + "000002.png")
    farm.work(farm.message(scene, "2"))
    assert farm.pixels("000002.png") == second
    assert second != third


def test_frames_that_an_earlier_attempt_left_are_not_rendered_again(farm: Farm, scene: Path) -> None:
    farm.store.put("frames", PREFIX + "000002.png", b"kept")
    farm.work(farm.message(scene, "1-3"))
    assert farm.store.get("frames", PREFIX + "000002.png") == b"kept"
    assert (farm.answers.succeeded["token"]["rendered"], farm.answers.succeeded["token"]["reused"]) == (2, 1)


def test_the_scene_stays_open_between_chunks(farm: Farm, scene: Path) -> None:
    farm.work(farm.message(scene, "1", token="a"), farm.message(scene, "2", token="b"))
    assert sorted(farm.answers.succeeded) == ["a", "b"]
    assert farm.answers.succeeded["b"]["seconds"] < farm.answers.succeeded["a"]["seconds"]


def test_a_message_of_a_dead_job_is_dropped_unrendered(farm: Farm, scene: Path) -> None:
    farm.answers.dead.add("token")
    body = farm.message(scene, "1-3")
    farm.work(body)
    assert farm.queue.deleted == [body]
    assert LogEvent.CHUNK_RECEIVED not in [record.get("event") for record in farm.records]
    assert (farm.answers.succeeded, farm.answers.failed) == ({}, {})


def test_a_canceled_job_stops_its_worker_within_one_beat(farm: Farm, scene: Path, slow_scene: Path) -> None:
    ended: list[float] = []

    def cancel() -> None:
        farm.wait_for(LogEvent.FRAME_STARTED)
        farm.answers.dead.add("slow")
        begun = time.monotonic()
        farm.wait_for(LogEvent.CHUNK_RELEASED)
        ended.append(time.monotonic() - begun)

    slow = farm.message(slow_scene, "1-3", token="slow")
    farm.work(slow, farm.message(scene, "1", token="next"), lease=4, beside=cancel)
    # One beat is a second; the log is shipped every half.
    assert ended[0] < 3
    assert slow in farm.queue.deleted
    assert list(farm.answers.succeeded) == ["next"]


def test_a_lease_is_renewed_and_the_heart_beats_while_a_frame_renders(farm: Farm, slow_scene: Path) -> None:
    def watch() -> None:
        farm.wait_for(LogEvent.FRAME_STARTED)
        before = len(farm.queue.renewed)
        time.sleep(2.5)
        assert len(farm.queue.renewed) - before >= 2
        assert len(farm.answers.beats) >= len(farm.queue.renewed)
        os.kill(os.getpid(), signal.SIGTERM)

    farm.work(farm.message(slow_scene, "1"), lease=4, beside=watch)


def test_a_chunk_whose_lease_is_lost_is_left_to_its_new_worker(farm: Farm, slow_scene: Path) -> None:
    def lose() -> None:
        farm.wait_for(LogEvent.FRAME_STARTED)
        farm.queue.lost.add("receipt-1")
        farm.wait_for(LogEvent.CHUNK_RELEASED)

    farm.work(farm.message(slow_scene, "1"), lease=4, beside=lose)
    assert farm.queue.deleted == farm.queue.sent == []
    assert (farm.answers.succeeded, farm.answers.failed) == ({}, {})


def test_sigterm_gives_the_chunk_back_with_its_token_and_keeps_what_is_finished(
    farm: Farm, scene: Path, slow_scene: Path
) -> None:
    def stop() -> None:
        farm.wait_for(LogEvent.FRAME_STARTED)
        os.kill(os.getpid(), signal.SIGTERM)

    body = farm.message(slow_scene, "1-3")
    begun = time.monotonic()
    farm.work(body, farm.message(scene, "1", token="other"), beside=stop)
    assert time.monotonic() - begun < 20
    assert (farm.queue.sent, farm.queue.deleted) == ([body], [body])
    assert (farm.answers.succeeded, farm.answers.failed) == ({}, {})


def test_a_message_that_comes_to_a_worker_as_it_goes_is_given_back(farm: Farm, scene: Path) -> None:
    """SQS answers a poll that it has begun, whether or not the worker still listens."""
    asked, told = threading.Event(), threading.Event()
    receive = MemoryQueue.receive

    def poll(queue: MemoryQueue, **arguments: Any) -> Received | None:
        asked.set()
        assert told.wait(20)
        return receive(queue, **arguments)

    def stop() -> None:
        assert asked.wait(60)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.3)
        told.set()

    body = farm.message(scene, "1-3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryQueue, "receive", poll)
        farm.work(body, beside=stop)
    assert (farm.queue.sent, farm.queue.deleted, farm.queue.leased) == ([body], [body], {})
    assert farm.frames() == []


def test_a_worker_that_is_told_to_go_does_not_wait_for_a_queue_that_never_answers(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.supervisor.LAST_POLL", timedelta(seconds=0.5))
    asked = threading.Event()

    def silent(_queue: MemoryQueue, **_arguments: Any) -> Received | None:
        asked.set()
        time.sleep(60)
        return None

    def stop() -> None:
        assert asked.wait(60)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(MemoryQueue, "receive", silent)
    begun = time.monotonic()
    farm.work(beside=stop)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("beats", [0, 1])
def test_a_chunk_whose_token_step_functions_does_not_know_goes_back_and_counts(
    farm: Farm, scene: Path, slow_scene: Path, beats: int
) -> None:
    """`InvalidToken` may be an emulator's that is late: three such receives, and the dead-letter queue has it."""
    farm.answers.unknown_after["odd"] = beats
    body = farm.message(slow_scene, "1-3", token="odd")
    farm.work(body, farm.message(scene, "1", token="next"), lease=4)
    assert (farm.queue.sent, body in farm.queue.deleted) == ([], False)
    assert farm.queue.returned == {"receipt-1": timedelta(seconds=1)}
    assert list(farm.answers.succeeded) == ["next"]


def test_an_answer_whose_token_step_functions_does_not_know_leaves_its_message_to_another(
    farm: Farm, scene: Path
) -> None:
    farm.answers.unknown_answers.add("odd")
    body = farm.message(scene, "1", token="odd")
    farm.work(body, farm.message(scene, "2", token="next"), lease=4)
    assert (farm.queue.sent, body in farm.queue.deleted) == ([], False)
    assert farm.queue.returned == {"receipt-1": timedelta(seconds=1)}
    assert "000001.png" in farm.frames()
    assert list(farm.answers.succeeded) == ["next"]


@pytest.mark.parametrize(("number", "error"), [(signal.SIGKILL, "OutOfMemory"), (signal.SIGSEGV, "RenderCrashed")])
def test_blender_dying_fails_the_attempt_and_not_the_worker(
    farm: Farm, scene: Path, slow_scene: Path, number: signal.Signals, error: str
) -> None:
    def kill() -> None:
        farm.wait_for(LogEvent.FRAME_STARTED)
        time.sleep(0.3)
        assert farm.supervisor is not None
        assert farm.supervisor.blender_pid is not None
        os.kill(farm.supervisor.blender_pid, number)

    farm.work(farm.message(slow_scene, "1", token="poison"), farm.message(scene, "1", token="next"), beside=kill)
    assert farm.answers.failed["poison"][0] == error
    assert list(farm.answers.succeeded) == ["next"]
    assert farm.queue.leased == {}


def test_a_blender_that_hangs_is_killed_and_the_worker_goes_on(farm: Farm, scene: Path, slow_scene: Path) -> None:
    pids: list[int] = []

    def hang() -> None:
        farm.wait_for(LogEvent.FRAME_STARTED)
        time.sleep(0.3)
        assert farm.supervisor is not None
        assert farm.supervisor.blender_pid is not None
        pids.append(farm.supervisor.blender_pid)
        os.kill(pids[0], signal.SIGSTOP)

    hung = farm.message(slow_scene, "1", token="hung", frame_timeout=2)
    farm.work(hung, farm.message(scene, "1", token="next"), beside=hang)
    error, cause = farm.answers.failed["hung"]
    assert error == "RenderHung"
    assert "frame 1: it said nothing for 2 s" in cause
    assert not Path(f"/proc/{pids[0]}").exists()
    assert list(farm.answers.succeeded) == ["next"]
    assert farm.queue.leased == {}


def test_a_scene_without_a_camera_is_named(farm: Farm, tmp_path: Path) -> None:
    blind = make_scene(tmp_path / "blind.blend", camera=False)
    farm.work(farm.message(blind, "1"))
    assert farm.answers.failed["token"][0] == "NoCamera"
    assert "blind.blend" in farm.answers.failed["token"][1]


def test_a_file_that_blender_cannot_open_never_renders_another_scene(farm: Farm, tmp_path: Path) -> None:
    broken = tmp_path / "broken.blend"
    broken.write_bytes(b"BLENDER-v405" + bytes(100))
    farm.work(farm.message(broken, "1"))
    assert farm.answers.failed["token"][0] == "SceneUnreadable"
    assert farm.frames() == []


def test_a_scene_that_changed_since_the_job_was_settled_is_refused(farm: Farm, scene: Path, slow_scene: Path) -> None:
    body = farm.message(scene, "1")
    farm.store.put("scenes", scene.name, slow_scene.read_bytes())
    farm.work(body)
    assert farm.answers.failed["token"][0] == "SceneUnreadable"
    assert "settled" in farm.answers.failed["token"][1]


def test_a_scene_that_went_away_is_named(farm: Farm, scene: Path) -> None:
    body = farm.message(scene, "1")
    farm.store.delete("scenes", scene.name)
    farm.work(body)
    assert farm.answers.failed["token"] == ("SceneNotFound", str(SceneNotFound(bucket="scenes", key=scene.name)))


def test_another_blender_than_the_jobs_refuses_the_chunk(farm: Farm, scene: Path) -> None:
    farm.work(farm.message(scene, "1", blender="5.0.1"))
    assert farm.answers.failed["token"][0] == "BlenderMismatch"


@pytest.mark.parametrize("body", ["no json", "{}", '{"version": 2}', "[]", "\x00"])
def test_a_message_that_is_no_chunk_is_left_for_the_dead_letter_queue(farm: Farm, scene: Path, body: str) -> None:
    farm.work(body, farm.message(scene, "1"))
    assert list(farm.queue.leased.values()) == [body]
    assert list(farm.answers.succeeded) == ["token"]


def test_blender_gets_no_credentials_and_nothing_of_the_farm(
    farm: Farm, slow_scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    seen: list[str] = []

    def look() -> None:
        farm.wait_for(LogEvent.FRAME_STARTED)
        assert farm.supervisor is not None
        seen.append(Path(f"/proc/{farm.supervisor.blender_pid}/environ").read_text())
        os.kill(os.getpid(), signal.SIGTERM)

    farm.work(farm.message(slow_scene, "1"), beside=look)
    assert "HOME=" in seen[0]
    assert "AWS_" not in seen[0]
    assert "QUEUE" not in seen[0]


def test_half_an_image_is_never_stored(farm: Farm, scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up: Blender calls the frame finished, and its file is cut."""
    render = Blender.render

    def cut(blender: Blender, frame: int, path: Path, *, run: range) -> Rendered:
        rendered = render(blender, frame, path, run=run)
        if frame == 2:
            path.write_bytes(path.read_bytes()[:-20])
        return rendered

    monkeypatch.setattr(Blender, "render", cut)
    farm.work(farm.message(scene, "1-3"))
    assert farm.answers.failed["token"][0] == "FrameInvalid"
    assert farm.frames() == ["000001.png", "000003.png"]


@pytest.mark.parametrize(("depth", "stored"), [(8, True), (16, False)])
def test_a_frame_of_too_few_bits_is_never_stored(
    farm: Farm, scene: Path, monkeypatch: pytest.MonkeyPatch, depth: int, *, stored: bool
) -> None:
    """As Blender would say it of a scene of 16 bits, whose file has 8 of them."""
    render = Blender.render

    def deeper(blender: Blender, frame: int, path: Path, *, run: range) -> Rendered:
        rendered = render(blender, frame, path, run=run)
        assert rendered.depth == 8
        return replace(rendered, depth=depth)

    monkeypatch.setattr(Blender, "render", deeper)
    farm.work(farm.message(scene, "1"))
    assert farm.frames() == (["000001.png"] if stored else [])
    if not stored:
        assert "it has 8 bits a channel, not 16" in farm.answers.failed["token"][1]


def test_a_queue_that_fails_is_asked_again(farm: Farm, scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = iter([ConnectionError("no route"), TimeoutError("nobody answers")])
    receive = MemoryQueue.receive

    def sometimes(queue: MemoryQueue, **arguments: Any) -> Received | None:
        for failure in failures:
            raise failure
        return receive(queue, **arguments)

    monkeypatch.setattr(MemoryQueue, "receive", sometimes)
    monkeypatch.setattr("worker.supervisor.FIRST_PAUSE", 0.01)
    farm.work(farm.message(scene, "1"))
    assert list(farm.answers.succeeded) == ["token"]
