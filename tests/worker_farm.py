"""A worker in this process with a real Blender, and a queue, task tokens and a store in memory."""

import hashlib
import io
import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

from PIL import Image

from frameloom.model.job import OutputRef, SceneRef
from frameloom.model.log_event import LogEvent
from frameloom.model.messages import ChunkMessage, LogBatch
from frameloom.model.settings import RenderSettings
from frameloom.testing import MemoryQueue, MemoryStore, MemoryTokens
from worker.blender import Blender
from worker.config import WorkerConfig
from worker.log_shipper import LogShipper
from worker.supervisor import Supervisor
from worker.workdir import WorkDir

PREFIX = "shot/0123456789abcdef/"


class WorkerFarm:
    """One worker in this process, with its queue, task tokens and store."""

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
        self.queue = MemoryQueue(*bodies, on_empty=lambda: signal.raise_signal(signal.SIGTERM))
        # Step Functions makes a new token for each attempt; a test may use the same one for several runs.
        for token in [token for token in self.answers.answers if any(json.dumps(token) in body for body in bodies)]:
            del self.answers.answers[token]
        config = WorkerConfig(
            chunk_queue="chunks",
            log_queue="logs",
            log_bucket="logs",
            name="worker-1",
            scratch=self.scratch,
            blenders=("4.5.15",),
            lease=timedelta(seconds=lease),
            idle_exit=None,
            growth=growth,
        )
        with (
            WorkDir(self.scratch) as folder,
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
            # The worker would wait for ever.
            os.kill(os.getpid(), signal.SIGTERM)
            raise

    def _take(self, body: str) -> None:
        batch = LogBatch.model_validate_json(body)
        self.records += [record.to_json() for record in batch.records]


def render_scene(blender: Blender, scene: Path, settings: RenderSettings) -> str | None:
    """Render frame 2 to a PNG beside the scene; return why Blender has network access, None if it has not."""
    network = blender.open(scene, settings, name=scene.name)
    # A run of two frames keeps Blender within the render: when it ends, scripts run once more, beside the test.
    run = range(2, 4) if settings.trust_scripts else None
    blender.render(2, scene.with_suffix(".png"), run=run)
    return network
