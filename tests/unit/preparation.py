"""A store with one scene, to prepare and resolve requests."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from frameloom.model.job import Job
from frameloom.model.request import JobRequest
from frameloom.model.settings import Device
from frameloom.services.prepare_job import prepare
from frameloom.services.resolve_request import ResolvedRequest, resolve_request
from frameloom.services.storage import job_documents
from frameloom.testing import MemoryStore
from tests.jobs import BUCKETS, STARTED
from tests.scenes import make_scene

BLENDER = "4.5.15"
KEY = "film/shot.blend"
UPLOAD = {"detail-type": "Object Created", "detail": {"object": {"key": KEY}}}


def plain_scene(folder: Path) -> Path:
    """Return a scene with the frames 3, 5, 7, 9, 11, the rate 29.97 and a second camera, Crane."""
    return make_scene(folder / "shot.blend", frames=(3, 12), step=2, fps="29.97", cameras=("Crane",))


class Farm:
    """A store that holds one scene."""

    def __init__(self, scene: bytes, metadata: Mapping[str, str] | None = None) -> None:
        self.store = MemoryStore()
        self.store.put(BUCKETS.scenes, KEY, scene, metadata=metadata)

    def prepare(
        self,
        event: Mapping[str, Any],
        *,
        blenders: Sequence[str] = (BLENDER,),
        device: Device = "CPU",
        job_id: str = "shot-1",
        trusts_scripts: bool = True,
        inspected: bool = False,
    ) -> dict[str, Any]:
        return prepare(
            event,
            job_id=job_id,
            started=STARTED,
            store=self.store,
            buckets=BUCKETS,
            blenders=blenders,
            device=device,
            trusts_scripts=trusts_scripts,
            inspected=inspected,
        )

    def job(self, job_id: str = "shot-1") -> Job:
        return job_documents.load_job(self.store, BUCKETS, job_id)

    def wrote_nothing(self) -> bool:
        return not list(self.store.list(BUCKETS.logs, "")) and not list(self.store.list(BUCKETS.frames, ""))


def resolved(path: Path, farm: Device = "CPU", /, **fields: Any) -> ResolvedRequest:
    return resolve_request(JobRequest(file=KEY, **fields), path, blenders=[BLENDER], device=farm)
