"""Real workers whose AWS delivers a message twice, and refuses keys that have expired."""

import io
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from frameloom.local.local_farm import LocalFarm
from frameloom.model import keys
from frameloom.model.job_status import JobStatus
from frameloom.model.log_event import LogEvent
from tests.chaos.proxy import Answer, Call, Forward, Proxy
from tests.e2e.rig import Rig, wait
from tests.scenes import make_scene

_KEY = re.compile(r"Credential=(\w+)/")
_FRAME = re.compile(r"/(\d{6}\.png)(\?|$)")
WORKERS = 2

# The key that signs the farm's calls; the credentials file must have it before the farm starts.
SECRET = "secret-of-this-test"


class Aws:
    """A proxy between the workers and their farm: it accepts one key, and forwards calls unchanged."""

    def __init__(self, file: Path) -> None:
        self.file, self.key = file, "FIRST"
        self.refused: Counter[str] = Counter()
        self.stored: list[tuple[str, bytes]] = []
        self.received: list[tuple[str, dict[str, Any]]] = []
        # Called with each frame that is about to be stored.
        self.on_frame: Callable[[str], None] = lambda _: None
        # Whether the next message is to go to two workers; the copy for the second.
        self.double = False
        self._copy: Answer | None = None
        self._lock = threading.Lock()
        self.hand_out("FIRST")

    def hand_out(self, key: str) -> None:
        """Have the workers' file of credentials hold a key."""
        self.file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {SECRET}\n")

    def __call__(self, call: Call, forward: Forward) -> Answer:
        """Treat a call of a worker's."""
        frame = _FRAME.search(call.path) if call.name == "PutObject" else None
        if frame is not None:
            self.on_frame(frame[1])
        match = _KEY.search(call.headers.get("Authorization", ""))
        if match is None or match[1] != self.key:
            self.refused[call.name] += 1
            return _expired(call)
        if call.name == "ReceiveMessage":
            return self._receive(call, forward)
        if frame is not None:
            self.stored.append((frame[1], call.body))
        return forward(call)

    def _receive(self, call: Call, forward: Forward) -> Answer:
        with self._lock:
            copy, self._copy = self._copy, None
        # Short, so that an earlier poll does not outlast a test's change for long.
        brief = replace(call, body=json.dumps(call.parameters() | {"WaitTimeSeconds": 1}).encode())
        answer = copy or forward(brief)
        messages = json.loads(answer.body or b"{}").get("Messages", [])
        with self._lock:
            if messages and self.double:
                self._copy, self.double = answer, False
        self.received += [(message["Body"], message) for message in messages]
        return answer


def _expired(call: Call) -> Answer:
    if call.service == "s3":
        return Answer(status=400, headers={}, body=b"<Error><Code>ExpiredToken</Code></Error>")
    return Answer(status=400, headers={}, body=b'{"__type": "ExpiredTokenException", "message": "it has expired"}')


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Aws:
    return Aws(tmp_path_factory.mktemp("aws") / "credentials")


@pytest.fixture(scope="module")
def rig(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A farm whose workers reach it through that, with keys in a file of another program's."""
    with Proxy(aws) as proxy:
        environment = {
            "AWS_ENDPOINT_URL": proxy.url,
            "AWS_SHARED_CREDENTIALS_FILE": str(aws.file),
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
            "LEASE_SECONDS": "20",
        }
        folder = tmp_path_factory.mktemp("farm")
        with LocalFarm(workers=WORKERS, work_dir=folder / "farm", worker_env=environment, secret=SECRET) as farm:
            proxy.forward_to(farm.environment)
            yield Rig(farm, folder / "calls")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_scene(tmp_path_factory.mktemp("scene") / "scene.blend", frames=(1, 8), size=(320, 180), samples=16)


@pytest.fixture(autouse=True)
def _as_new(aws: Aws) -> Iterator[None]:
    yield
    aws.on_frame, aws.double = lambda _: None, False
    aws.hand_out(aws.key)
    aws.refused.clear()
    aws.stored.clear()
    aws.received.clear()


def run(rig: Rig, scene: Path, name: str, frames: str) -> str:
    """Start a job of one chunk."""
    rig.upload_quietly(scene, f"{name}.blend")
    return rig.start(file=f"{name}.blend", frames=frames, output="frames", chunk_size=20)


def succeeded(rig: Rig, job_id: str) -> list[dict[str, Any]]:
    """Wait for a job's end, check what must hold after any fault, and return its results."""
    execution = rig.end_of(job_id)
    assert execution.status is JobStatus.SUCCEEDED, execution.cause
    chunks: list[dict[str, Any]] = rig.report(job_id)["chunks"]
    assert [(chunk["attempt"], chunk.get("error")) for chunk in chunks] == [(0, None)] * len(chunks)
    wait(rig.queue_is_empty, "an empty queue")
    return chunks


def test_keys_rotated_during_a_chunk_cost_neither_a_frame_nor_an_attempt(rig: Rig, aws: Aws, scene: Path) -> None:
    def rotate(frame: str) -> None:
        if frame == "000003.png" and aws.key != "SECOND":
            aws.hand_out("SECOND")
            aws.key = "SECOND"

    aws.on_frame = rotate
    job_id = run(rig, scene, "rotated", "1-8")
    [chunk] = succeeded(rig, job_id)
    assert aws.refused
    assert (chunk["rendered"], chunk["reused"]) == (8, 0)
    assert Counter(name for name, _ in aws.stored) == Counter(f"{frame:06}.png" for frame in range(1, 9))
    assert len(aws.received) == 1


def test_refused_keys_are_logged_once_and_new_keys_are_picked_up(rig: Rig, aws: Aws, scene: Path) -> None:
    logs = [rig.farm.work_dir / f"worker-{number}.log" for number in range(1, WORKERS + 1)]
    before = [len(log.read_text()) for log in logs]
    workers = rig.farm.workers
    aws.key = "THIRD"
    # Each poll is refused twice, and each worker polls again a second later, then after two, four and so on.
    wait(lambda: aws.refused["ReceiveMessage"] >= 2 * 3 * WORKERS, "the workers to ask in vain")
    aws.hand_out("THIRD")
    succeeded(rig, run(rig, scene, "dead", "1-2"))
    said = [log.read_text()[start:] for log, start in zip(logs, before, strict=True)]
    assert [text.count(LogEvent.POLL_FAILED) for text in said] == [1] * WORKERS
    assert all("ExpiredTokenException" in text for text in said)
    assert rig.farm.workers == workers


def test_two_workers_with_the_same_message_store_the_same_frames_and_one_answer_counts(
    rig: Rig, aws: Aws, scene: Path
) -> None:
    aws.double = True
    # Neither stores a frame before both have begun.
    both = threading.Barrier(WORKERS)
    begun: set[int] = set()

    def meet(frame: str) -> None:
        if frame == "000001.png" and threading.get_ident() not in begun:
            begun.add(threading.get_ident())
            both.wait(60)

    aws.on_frame = meet
    job_id = run(rig, scene, "double", "1-6")
    chunks = succeeded(rig, job_id)
    assert len(aws.received) == 2
    assert aws.received[0][1]["ReceiptHandle"] == aws.received[1][1]["ReceiptHandle"]
    # Each frame exists once, and both workers stored the same pixels.
    assert rig.frames("double") == [1, 2, 3, 4, 5, 6]
    pixels: dict[str, set[bytes]] = {}
    for name, body in aws.stored:
        pixels.setdefault(name, set()).add(pixels_of(body))
    assert len(aws.stored) > len(pixels) == 6
    assert [len(each) for each in pixels.values()] == [1] * 6
    # The job has ended. The other worker's result comes later, without an error.
    wait(lambda: len(given_up_or_finished(rig, job_id)) == 2, "both workers to be done with it")
    results = [
        json.loads(rig.store.get(rig.stack.buckets.logs, stored.key) or b"")
        for stored in rig.store.list(rig.stack.buckets.logs, keys.results_prefix(job_id))
    ]
    assert len({result["worker"] for result in results}) == 2
    assert [result.get("error") for result in results] == [None] * 2
    assert {chunk["frames"] for chunk in chunks} == {"1-6"}
    # And the farm is as it was.
    succeeded(rig, run(rig, scene, "after", "1"))


def pixels_of(body: bytes) -> bytes:
    """Return the pixels of a PNG on the wire, which goes in signed pieces."""
    return Image.open(io.BytesIO(body[body.index(b"\x89PNG") :])).tobytes()


def given_up_or_finished(rig: Rig, job_id: str) -> list[str]:
    return [
        line["worker"]
        for line in rig.log(job_id)
        if line.get("event") in (LogEvent.CHUNK_SUCCEEDED, LogEvent.CHUNK_RELEASED)
    ]
