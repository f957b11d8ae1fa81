"""A worker's Blender inspects a scene: the same facts as the reader's, from a process that evaluates nothing."""

import hashlib
import json
from pathlib import Path

import pytest

from frameloom.model import keys
from frameloom.model.job import SceneRef
from frameloom.model.messages import SceneTask
from frameloom.model.scene_json import facts_from_json
from frameloom.model.settings import RenderSettings
from frameloom.services.scene.reader import read_scene
from frameloom.services.storage import job_documents
from tests.scenes import make_scene
from tests.unit.blends import for_blender_alone
from tests.worker_farm import WorkerFarm


@pytest.fixture
def farm(tmp_path: Path) -> WorkerFarm:
    return WorkerFarm(tmp_path)


def task(farm: WorkerFarm, data: bytes, *, token: str = "token", blender: str = "4.5.15") -> str:  # noqa: S107
    key = f"{token}.blend"
    farm.store.put("scenes", key, data)
    scene = SceneRef(bucket="scenes", key=key, digest=hashlib.sha256(data).hexdigest())
    settings = RenderSettings(blender=blender)
    message = SceneTask(
        version=1, task_token=token, task="inspect", job_id="job", attempt=0, scene=scene, settings=settings
    )
    return json.dumps(message.to_json())


def test_a_worker_writes_the_readers_facts_and_answers_once(farm: WorkerFarm, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "odd.blend", frames=(3, 12), step=2, fps="29.97", cameras=("Crane",))
    expected = read_scene(scene, name="token.blend")
    body = task(farm, for_blender_alone(scene.read_bytes()))
    farm.work(body)
    facts = facts_from_json(job_documents.read(farm.store, "logs", keys.facts_key("job")))
    assert facts == expected
    assert farm.answers.succeeded["token"].keys() == {"task", "seconds", "worker"}
    assert (farm.queue.deleted, farm.queue.sent, farm.results()) == ([body], [], [])


def test_a_file_that_blender_cannot_open_is_unreadable(farm: WorkerFarm) -> None:
    farm.work(task(farm, b"BLENDER-v405" + bytes(1000)), task(farm, b"x", token="other", blender="3.3.0"))
    assert [farm.answers.answers[token].error for token in ("token", "other")] == ["SceneUnreadable", "BlenderMismatch"]
    assert list(farm.store.list("logs", "jobs/")) == []
