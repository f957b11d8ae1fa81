"""PrepareJob on real scenes."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from frameloom.model import keys
from frameloom.model.errors import InvalidRequest, SceneNotFound, SceneUnreadable
from frameloom.model.job import SceneRef
from frameloom.model.request import START, START_NO, parse_request
from frameloom.model.scene_json import facts_to_json
from frameloom.services.scene.reader import read_scene
from frameloom.services.storage import job_documents
from tests.jobs import BUCKETS, STARTED
from tests.scenes import make_scene
from tests.unit.blends import for_blender_alone
from tests.unit.preparation import BLENDER, KEY, UPLOAD, Farm, plain_scene, resolved


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plain_scene(tmp_path_factory.mktemp("scenes"))


@pytest.fixture
def farm(scene: Path) -> Farm:
    return Farm(scene.read_bytes())


def test_a_farm_that_trusts_no_scripts_refuses_a_job_with_trust_scripts(farm: Farm) -> None:
    with pytest.raises(
        InvalidRequest, match=r"trust_scripts: this farm does not run code in scenes.*farm up --trust-scripts"
    ):
        farm.prepare({"file": KEY, "trust_scripts": True}, trusts_scripts=False)
    assert farm.wrote_nothing()
    farm.prepare({"file": KEY, "trust_scripts": False}, trusts_scripts=False)
    farm.prepare({"file": KEY, "trust_scripts": True})


def test_the_manifest_of_a_plain_job_has_only_the_fields_of_the_first_version(farm: Farm) -> None:
    """An older command line, or a stack that was rolled back, refuses a manifest with other fields."""
    farm.prepare({"file": KEY})
    manifest = job_documents.read(farm.store, BUCKETS.logs, keys.manifest_key("shot-1"))
    assert set(manifest) <= {
        *("job_id", "started", "scene", "frames", "fps", "settings", "outputs", "output", "on_missing", "video"),
        *("chunk_size", "limits"),
    }


def test_the_manifest_holds_the_resolved_request(farm: Farm, scene: Path) -> None:
    farm.prepare({"file": KEY, "start": "1", "end": "17", "chunk_size": 5, "max_workers": 3, "on_missing": "stitch"})
    job, expected = farm.job(), resolved(scene, frames="1-17")
    assert (job.job_id, job.started, job.frames, job.fps) == ("shot-1", STARTED, "1-17", "2997/100")
    assert (job.output, job.on_missing, job.chunk_size, job.limits.max_workers) == ("both", "stitch", 5, 3)
    assert job.settings == expected.settings
    assert job.scene.to_json() == {"bucket": "scenes", "key": KEY, "version": "v1", "digest": expected.digest}
    assert job.outputs.bucket == "frames"
    assert job.outputs.prefix == keys.frames_prefix(KEY, expected.render_key)


def test_the_state_has_the_fields_that_the_state_machine_reads(farm: Farm) -> None:
    state = farm.prepare({"file": KEY, "queue_timeout": 60, "chunk_timeout": 120})
    job = farm.job()
    assert state == {
        "job_id": "shot-1",
        "round": 0,
        "scene": job.scene.to_json(),
        "output": job.outputs.to_json(),
        "settings": {"blender": BLENDER, "format": "PNG"},
        "limits": {"max_workers": 100, "queue_timeout": 60, "chunk_timeout": 120, "frame_timeout": 14_400},
    }


def test_the_settings_in_the_state_include_the_device(farm: Farm) -> None:
    state = farm.prepare({"file": KEY}, device="CUDA")
    assert state["settings"] == {"blender": BLENDER, "device": "CUDA", "format": "PNG"}
    assert farm.job().settings.device == "CUDA"


def test_preparing_twice_gives_the_same_state(farm: Farm) -> None:
    assert farm.prepare({"file": KEY}) == farm.prepare({"file": KEY})


def test_two_jobs_with_the_same_render_share_their_frames(farm: Farm) -> None:
    one = farm.prepare({"file": KEY, "frames": "1-5"}, job_id="one")
    other = farm.prepare({"file": KEY, "frames": "4-9", "output": "frames"}, job_id="other")
    assert one["output"] == other["output"]


def test_an_upload_renders_the_scenes_own_frames(farm: Farm) -> None:
    farm.prepare(UPLOAD)
    assert list(farm.job().frame_range()) == [3, 5, 7, 9, 11]


def test_the_metadata_of_an_upload_overrides_its_scene(scene: Path) -> None:
    farm = Farm(scene.read_bytes(), metadata={"frames": "1-3", "samples": "2"})
    farm.prepare(UPLOAD)
    assert (farm.job().frames, farm.job().settings.samples) == ("1-3", 2)


def test_a_request_ignores_the_metadata_of_its_scene(scene: Path) -> None:
    farm = Farm(scene.read_bytes(), metadata={"frames": "1-3", START: START_NO})
    farm.prepare({"file": KEY, "frames": "7"})
    assert farm.job().frames == "7"


def test_an_upload_whose_uploader_starts_the_job_is_skipped(scene: Path) -> None:
    farm = Farm(scene.read_bytes(), metadata={START: START_NO})
    assert set(farm.prepare(UPLOAD)) == {"skipped"}
    assert farm.wrote_nothing()


def test_the_newest_version_of_a_scene_is_rendered_and_named(farm: Farm, tmp_path: Path) -> None:
    edited = make_scene(tmp_path / "edited.blend", frames=(1, 2)).read_bytes()
    farm.store.put(BUCKETS.scenes, KEY, edited)
    state = farm.prepare({"file": KEY})
    assert state["scene"]["version"] == "v2"
    assert state["scene"]["digest"] == hashlib.sha256(edited).hexdigest()
    assert farm.job().frames == "1-2"


@pytest.mark.parametrize("file", ["film/shot2.blend", "film/sho.blend", "shot.blend", "film/shot.blend.blend"])
def test_a_missing_scene_is_refused_with_its_key(farm: Farm, file: str) -> None:
    """The original system accepted every key that starts like a scene's key."""
    with pytest.raises(SceneNotFound, match=file):
        farm.prepare({"file": file})
    assert farm.wrote_nothing()


@pytest.mark.parametrize("data", [b"", b"no blend file", b"BLENDER", b"BLENDER-v405" + bytes(10)])
def test_a_file_that_is_not_a_scene_is_refused(data: bytes) -> None:
    farm = Farm(data)
    with pytest.raises(SceneUnreadable, match=KEY):
        farm.prepare({"file": KEY})
    assert farm.wrote_nothing()


def test_a_truncated_scene_is_refused(scene: Path) -> None:
    farm = Farm(scene.read_bytes()[:-1000])
    with pytest.raises(SceneUnreadable):
        farm.prepare({"file": KEY})
    assert farm.wrote_nothing()


@pytest.mark.parametrize(
    "event", [{}, {"file": "../shot.blend"}, {"file": KEY, "frames": "10-1"}, {"file": KEY, "frame": 1}]
)
def test_a_wrong_request_writes_nothing(farm: Farm, event: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        farm.prepare(event)
    assert farm.wrote_nothing()


def test_any_request_gives_a_manifest_or_an_error_of_the_farm(farm: Farm) -> None:
    """The console, `submit_job` and the command line start equal jobs."""
    first = {"file": KEY, "start": "1", "end": "5"}
    farm.prepare(first, job_id="console")
    farm.prepare(parse_request(first).to_json(), job_id="submitted")
    assert farm.job("console").to_json() | {"job_id": ""} == farm.job("submitted").to_json() | {"job_id": ""}


def test_a_scene_that_only_blender_can_read_is_inspected_before_the_job_is_prepared(scene: Path) -> None:
    farm = Farm(for_blender_alone(scene.read_bytes()))
    state = farm.prepare({"file": KEY, "queue_timeout": 60})
    assert set(state) == {"job_id", "inspect", "limits"}
    assert state["limits"]["queue_timeout"] == 60
    assert state["inspect"]["settings"] == {"blender": BLENDER, "format": "PNG"}
    ref = SceneRef.read(state["inspect"]["scene"])
    assert (ref.key, ref.version) == (KEY, "v1")
    assert job_documents.waiting_task(farm.store, BUCKETS, "shot-1") == "inspect"
    assert job_documents.find_job(farm.store, BUCKETS, "shot-1") is None
    facts = read_scene(scene, name=KEY)
    document = {"digest": ref.digest, "facts": facts_to_json(facts)}
    job_documents.write(farm.store, BUCKETS.logs, keys.facts_key("shot-1"), document)
    assert farm.prepare({"file": KEY}, inspected=True)["scene"] == ref.to_json()
    assert farm.job().frames == str(resolved(scene).frames)


def test_a_scene_that_changed_after_its_inspection_is_refused(scene: Path) -> None:
    farm = Farm(for_blender_alone(scene.read_bytes()))
    farm.prepare({"file": KEY})
    document = {"digest": "0" * 64, "facts": facts_to_json(read_scene(scene, name=KEY))}
    job_documents.write(farm.store, BUCKETS.logs, keys.facts_key("shot-1"), document)
    with pytest.raises(SceneUnreadable, match="it has changed since a worker inspected it; start a new job"):
        farm.prepare({"file": KEY}, inspected=True)


def test_an_inspected_scene_without_facts_fails_instead_of_being_inspected_for_ever(scene: Path) -> None:
    farm = Farm(for_blender_alone(scene.read_bytes()))
    with pytest.raises(LookupError, match="has no facts"):
        farm.prepare({"file": KEY}, inspected=True)


def test_the_metadata_of_an_upload_may_skip_the_code_in_the_scene(tmp_path: Path) -> None:
    """The text of a rig may be only its user interface; the error names this option."""
    scene = make_scene(tmp_path / "rig.blend", script="import os").read_bytes()
    with pytest.raises(
        InvalidRequest, match=r"trust_scripts: .*'startup\.py'.*uploaded scene's metadata it may only be false"
    ):
        Farm(scene).prepare(UPLOAD)
    farm = Farm(scene, {"trust-scripts": "false"})
    farm.prepare(UPLOAD)
    assert farm.job().settings.trust_scripts is False
