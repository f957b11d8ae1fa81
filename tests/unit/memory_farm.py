"""A farm in memory for the client and the command line: each `describe` of a job runs one step of it."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from frameloom.cli import main
from frameloom.client import Farm, QueueDepth
from frameloom.client.connect import Connection
from frameloom.model import keys
from frameloom.model.errors import FarmError
from frameloom.model.job import Job
from frameloom.model.job_status import JobStatus
from frameloom.model.settings import Device
from frameloom.services.log_job import write_report
from frameloom.services.plan_chunks import missing_frames, plan
from frameloom.services.prepare_job import prepare
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Execution
from frameloom.testing import MemoryExecutions, MemoryStore
from tests.jobs import BUCKETS

BLENDER = "4.5.15"
VIDEO = b"a film"


@dataclass(kw_only=True)
class MemoryFarm:
    """The real services with a store in memory; its worker renders `image` for each frame.

    `on_look` is called at each `describe` with the number of frames that were rendered before.
    """

    image: bytes
    video: bytes = VIDEO
    stays: bool = False
    keeps_frames: bool = False
    chunks_at_once: int | None = None
    breaks: FarmError | None = None
    on_look: Callable[[int], None] = lambda _: None
    store: MemoryStore = field(default_factory=MemoryStore)
    depth: QueueDepth = field(default_factory=lambda: QueueDepth(waiting=0, in_flight=0, dead_letters=0))
    opened: int = 0
    closed: int = 0

    def __post_init__(self) -> None:
        self.executions = SteppingExecutions(self)

    def blenders(self) -> Sequence[str]:
        return (BLENDER,)

    def device(self) -> Device:
        return "CPU"

    def open(self, notify: Callable[[str], None], *, trust_scripts: bool) -> None:
        del notify, trust_scripts
        self.opened += 1

    def connection(self) -> Connection:
        return Connection(
            store=self.store,
            executions=self.executions,
            buckets=BUCKETS,
            queue_depth=lambda: self.depth,
        )

    def close(self) -> None:
        self.closed += 1

    def rendered(self) -> set[str]:
        """Return the names of the frames that its worker has rendered."""
        frames = self.store.list(BUCKETS.frames, "")
        return {
            stored.key.rpartition("/")[2]
            for stored in frames
            if self.store.get(BUCKETS.frames, stored.key) == self.image
        }

    def job(self) -> Job:
        """Return the manifest of the newest job."""
        (newest, *_) = self.executions.list(limit=1)
        return job_documents.load_job(self.store, BUCKETS, newest.job_id)


class SteppingExecutions(MemoryExecutions):
    """Prepares the job at the first `describe`, renders one frame at each further one, and ends the job at the last."""

    def __init__(self, farm: MemoryFarm) -> None:
        super().__init__()
        self._farm = farm
        self._rendered = 0

    def describe(self, job_id: str) -> Execution | None:
        execution = super().describe(job_id)
        if execution is None or execution.status.ended:
            return execution
        self._farm.on_look(self._rendered)
        self._step(job_id, execution)
        return super().describe(job_id)

    def _step(self, job_id: str, execution: Execution) -> None:
        store = self._farm.store
        job = job_documents.find_job(store, BUCKETS, job_id)
        if job is None:
            prepare(
                execution.input,
                job_id=job_id,
                started=_now(),
                store=store,
                buckets=BUCKETS,
                blenders=[BLENDER],
                device=self._farm.device(),
            )
            plan(job_id, 1, store=store, buckets=BUCKETS)
        elif self._farm.breaks is not None and self._rendered:
            self._end(job_id, self._farm.breaks)
        elif missing := list(missing_frames(job, store)):
            store.put(job.outputs.bucket, job.frame_key(missing[0]), self._farm.image)
            self._rendered += 1
        else:
            if job.makes_film:
                key = keys.video_key(job.scene.key, job.video.container, name=job.film)
                store.put(BUCKETS.scenes, key, self._farm.video)
                job_documents.write_stitched(store, BUCKETS, job_id, {"bucket": BUCKETS.scenes, "key": key})
            self._end(job_id, None)

    def _end(self, job_id: str, error: FarmError | None) -> None:
        told = None if error is None else {"Error": type(error).__name__, "Cause": str(error)}
        output = write_report(
            job_id, started=_now(), now=datetime.now(UTC), error=told, store=self._farm.store, buckets=BUCKETS
        )
        if error is None:
            self.end(job_id, JobStatus.SUCCEEDED, output=output)
        else:
            self.end(job_id, JobStatus.FAILED, error=type(error).__name__, cause=str(error))


def _now() -> str:
    return datetime.now(UTC).isoformat()


def make_png(colour: int = 0) -> bytes:
    """Return a PNG of 64 x 36 pixels with `colour` as its red."""
    data = io.BytesIO()
    Image.new("RGB", (64, 36), (colour, 0, 0)).save(data, "PNG")
    return data.getvalue()


def frames_folder() -> Path:
    """Return the folder of the frames of shot.blend in the output folder `out`, which has those of one render."""
    (folder,) = [path for path in Path("out/shot").iterdir() if path.is_dir()]
    return folder


def files(folder: Path) -> set[str]:
    """Return the paths of everything below a folder, hidden things too."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


class Terminal:
    """Runs commands in this process, against a farm in memory: `farm`, which may be replaced."""

    def __init__(self, capture: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, farm: MemoryFarm) -> None:
        self._capture = capture
        self.farm = farm
        monkeypatch.setattr(Farm, "local", lambda **_: Farm(self.farm))
        monkeypatch.setattr(Farm, "running", lambda: Farm(self.farm))
        monkeypatch.setattr(Farm, "of_stack", lambda _: Farm(self.farm))
        # Each `describe` runs a step, so that waiting between two of them is useless.
        monkeypatch.setattr("frameloom.services.follow_job.QUICKEST", 0.001)

    def run(self, *words: object) -> Ran:
        """Run `frameloom` with these words."""
        self._capture.readouterr()
        code = main([str(word) for word in words])
        out, err = self._capture.readouterr()
        return Ran(code=code, out=out, err=err)
