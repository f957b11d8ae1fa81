"""A farm of one worker over ports in memory: the code of client, functions and worker, with a real Blender."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frameloom.client.connect import Connection
from frameloom.client.job_result import QueueDepth
from frameloom.client.prepared_job import prepare_job
from frameloom.model.errors import AttemptFailed, FarmError
from frameloom.model.messages import ChunkMessage
from frameloom.model.settings import Device
from frameloom.services.plan_chunks import plan
from frameloom.services.prepare_job import prepare
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Buckets
from frameloom.services.verify_frames import verify
from frameloom.testing import MemoryExecutions, MemoryStore
from worker.blender import Blender
from worker.chunk import ChunkRenderer
from worker.flat_frames import FlatFrames
from worker.scenes import SceneCache
from worker.uploads import Uploads

BUCKETS = Buckets(scenes="scenes", frames="frames", logs="logs")
# Frames of a chunk: a row of three frames has two chunks.
CHUNK = 2
# Attempts at a chunk: a flat frame needs two.
ATTEMPTS = 2


@dataclass(slots=True, kw_only=True)
class _Target:
    """What `prepare_job` asks of a farm."""

    version: str
    stays: bool = True
    keeps_frames: bool = True
    chunks_at_once: int | None = None

    def blenders(self) -> Sequence[str]:
        return (self.version,)

    def device(self) -> Device:
        return "CPU"

    def open(self, notify: Callable[[str], None], *, trust_scripts: bool) -> None:
        del notify, trust_scripts

    def connection(self) -> Connection:
        raise AssertionError("prepare_job connects to no farm")

    def close(self) -> None:
        pass


class RowFarm:
    """A farm that renders with one Blender; `close` ends it.

    Args:
        version: the full version of its Blender.
    """

    def __init__(self, version: str, folder: Path) -> None:
        self._version = version
        self._folder = folder
        self._store = MemoryStore()
        self._jobs = 0
        self._blender = Blender(scratch=folder)
        self._uploads = Uploads(self._store, FlatFrames(store=self._store, bucket=BUCKETS.logs, worker="worker-1"))
        self._renderer = ChunkRenderer(
            blender=self._blender,
            scenes=SceneCache(folder / "scenes", self._store),
            uploads=self._uploads,
            scratch=folder,
        )

    def close(self) -> None:
        """End the worker."""
        self._blender.close()
        self._uploads.close()

    def render(self, scene: Path, options: Mapping[str, Any]) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
        """Render a scene on this disk; return its frames by their names, and the notices of the job.

        Raises:
            FarmError: the command line, PrepareJob, the worker or VerifyFrames refuses.
        """
        self._jobs += 1
        job_id = f"job-{self._jobs}"
        fields = {"output": "frames", "chunk_size": CHUNK, **options}
        state = self._prepare(scene, fields, job_id)
        planned = plan(job_id, state["round"], store=self._store, buckets=BUCKETS)
        specs = json.loads(self._store.get(planned["bucket"], planned["key"]) or b"[]")
        # The last chunk first, as if each worker had one: its Blender has not rendered the frames before it.
        for spec in reversed(specs):
            self._render_chunk(spec, state)
        verify(job_id, planned["round"], store=self._store, buckets=BUCKETS)
        prefix = state["output"]["prefix"]
        stored = self._store.list(BUCKETS.frames, prefix)
        frames = {each.key.removeprefix(prefix): self._store.get(BUCKETS.frames, each.key) or b"" for each in stored}
        job = job_documents.load_job(self._store, BUCKETS, job_id)
        return frames, job.to_json().get("notices", [])

    def _prepare(self, scene: Path, fields: Mapping[str, Any], job_id: str) -> dict[str, Any]:
        prepared = prepare_job(scene, fields, out=None, target=_Target(version=self._version))
        connection = Connection(
            store=self._store,
            executions=MemoryExecutions(),
            buckets=BUCKETS,
            queue_depth=lambda: QueueDepth(waiting=0, in_flight=0, dead_letters=0),
        )
        prepared.upload_assets(connection, lambda _done, _all: None)
        prepared.upload_scene(connection)
        return prepare(
            prepared.request.to_json(),
            job_id=job_id,
            started="2026-01-01T00:00:00+00:00",
            store=self._store,
            buckets=BUCKETS,
            blenders=[self._version],
            device="CPU",
        )

    def _render_chunk(self, spec: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        """Render a chunk, in a second attempt if the first fails.

        Raises:
            FarmError: the chunk fails.
        """
        error: FarmError | None = None
        for attempt in range(ATTEMPTS):
            message = ChunkMessage(
                version=1,
                task_token="token",
                job_id=state["job_id"],
                chunk_id=spec["chunk_id"],
                attempt=attempt,
                scene=state["scene"],
                frames=spec["frames"],
                output=state["output"],
                settings=state["settings"],
                frame_timeout=300,
            )
            error = self._renderer.render(message, released=lambda: False).error
            if not isinstance(error, AttemptFailed):
                break
        if error is not None:
            raise error
