"""PrepareJob: what a request comes to on a real scene, settled before any worker starts."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from frameloom.model import keys
from frameloom.model.errors import InvalidRequest, MissingAssets, NoCamera, SceneNotFound, SceneTooNew, SceneUnreadable
from frameloom.model.job import Job
from frameloom.model.request import START, START_NO, JobRequest, parse_request
from frameloom.model.settings import Device
from frameloom.services.prepare_job import prepare
from frameloom.services.resolve_request import ResolvedRequest, resolve_request
from frameloom.services.storage import job_documents
from frameloom.testing import MemoryStore
from tests.jobs import BUCKETS, STARTED
from tests.scenes import make_scene
from tests.unit.blends import with_library

BLENDER = "4.5.15"
KEY = "film/shot.blend"
UPLOAD = {"detail-type": "Object Created", "detail": {"object": {"key": KEY}}}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_scene(
        tmp_path_factory.mktemp("scenes") / "shot.blend", frames=(3, 12), step=2, fps="29.97", cameras=("Crane",)
    )


class Farm:
    """A store that holds one scene."""

    def __init__(self, scene: bytes, metadata: Mapping[str, str] | None = None) -> None:
        self.store = MemoryStore()
        self.store.put(BUCKETS.scenes, KEY, scene, metadata=metadata)

    def prepare(
        self,
        event: Mapping[str, Any],
        *,
        blender: str = BLENDER,
        device: Device = "CPU",
        job_id: str = "shot-1",
        trusts_scripts: bool = True,
    ) -> dict[str, Any]:
        return prepare(
            event,
            job_id=job_id,
            started=STARTED,
            store=self.store,
            buckets=BUCKETS,
            blender=blender,
            device=device,
            trusts_scripts=trusts_scripts,
        )

    def job(self, job_id: str = "shot-1") -> Job:
        return job_documents.load_job(self.store, BUCKETS, job_id)

    def wrote_nothing(self) -> bool:
        return not list(self.store.list(BUCKETS.logs, "")) and not list(self.store.list(BUCKETS.frames, ""))


@pytest.fixture
def farm(scene: Path) -> Farm:
    return Farm(scene.read_bytes())


def settled(path: Path, farm: Device = "CPU", /, **fields: Any) -> ResolvedRequest:
    return resolve_request(JobRequest(file=KEY, **fields), path, blender=BLENDER, device=farm)


# ── settle ──


def test_a_farm_that_runs_no_code_of_scenes_refuses_a_job_that_asks_for_it(farm: Farm) -> None:
    with pytest.raises(
        InvalidRequest, match=r"trust_scripts: this farm does not run code in scenes.*farm up --trust-scripts"
    ):
        farm.prepare({"file": KEY, "trust_scripts": True}, trusts_scripts=False)
    assert farm.wrote_nothing()
    farm.prepare({"file": KEY, "trust_scripts": False}, trusts_scripts=False)
    farm.prepare({"file": KEY, "trust_scripts": True})


def test_a_request_that_says_nothing_takes_frames_and_rate_from_the_scene(scene: Path) -> None:
    found = settled(scene)
    assert list(found.frames) == [3, 5, 7, 9, 11]
    assert found.fps == "2997/100"
    assert found.size == (64, 36)
    assert found.digest == hashlib.sha256(scene.read_bytes()).hexdigest()


def test_a_request_overrides_the_scene(scene: Path) -> None:
    found = settled(scene, frames="-2-2", fps="25", resolution_percentage=50, samples=7, camera="Crane")
    assert list(found.frames) == [-2, -1, 0, 1, 2]
    assert found.fps == "25"
    assert found.size == (32, 18)
    assert found.settings.to_json() == {
        "blender": BLENDER,
        "camera": "Crane",
        "samples": 7,
        "resolution_percentage": 50,
        "format": "PNG",
    }


def test_no_frame_is_rendered_for_a_film_that_it_could_not_be_in(tmp_path: Path) -> None:
    also = "scene.render.image_settings.exr_codec = 'PIZ'"
    scene = make_scene(tmp_path / "shot.blend", format="OPEN_EXR", also=also)
    with pytest.raises(InvalidRequest, match="scene 'Scene' compresses OpenEXR with PIZ, which the film's encoder"):
        settled(scene, format="OPEN_EXR")
    # What it packs does not matter where it packs none, where no film is made, or where the frames are there.
    for fields in (
        {"format": "JPEG"},
        {"format": "OPEN_EXR", "output": "frames"},
        {"format": "OPEN_EXR", "output": "video"},
    ):
        assert settled(scene, **fields).size == (64, 36)


def test_the_version_of_blender_is_part_of_the_render_key(scene: Path) -> None:
    request = JobRequest(file=KEY)
    one, other = (resolve_request(request, scene, blender=blender, device="CPU") for blender in ("4.5.15", "4.5.16"))
    assert one.render_key != other.render_key


def test_a_card_renders_under_a_key_of_its_own(scene: Path) -> None:
    """Other pixels than the CPU's; and CUDA and OptiX are two ways to round."""
    keys_by_device = {device: settled(scene, device=device).render_key for device in ("CPU", "CUDA", "OPTIX")}
    assert len(set(keys_by_device.values())) == 3


def test_the_cpu_keeps_the_keys_that_it_had_before_there_was_a_choice(scene: Path) -> None:
    found = settled(scene, device="cpu")
    assert found.settings.to_json() == {"blender": BLENDER, "format": "PNG"}
    assert found.render_key == settled(scene).render_key


def test_a_farm_renders_on_its_own_device_unless_the_request_names_another(scene: Path) -> None:
    assert settled(scene, "OPTIX").settings.device == "OPTIX"
    assert settled(scene, "OPTIX", device="CUDA").settings.device == "CUDA"
    assert settled(scene, "OPTIX", device="CPU").render_key == settled(scene).render_key
    assert settled(scene, "OPTIX").render_key == settled(scene, device="OPTIX").render_key


def test_an_edited_scene_has_another_render_key(scene: Path, tmp_path: Path) -> None:
    edited = make_scene(tmp_path / "edited.blend", frames=(3, 12), size=(65, 36))
    assert settled(edited).render_key != settled(scene).render_key


def test_frames_that_earlier_workers_got_wrong_are_not_used_again_and_others_are(tmp_path: Path) -> None:
    def has_new_key(also: str, wanted: str) -> bool:
        found = settled(make_scene(tmp_path / "shot.blend", format=wanted, also=also), format=wanted)
        return found.render_key != keys.render_key(digest=found.digest, settings=found.settings)

    single = "scene.render.use_single_layer = True"
    override = "scene.render.image_settings.color_management = 'OVERRIDE'"
    assert [has_new_key("", "PNG"), has_new_key(override, "PNG")] == [False, False]
    assert [has_new_key(single, "PNG"), has_new_key(override, "OPEN_EXR")] == [True, True]


def test_frames_and_film_are_not_part_of_the_render_key(scene: Path) -> None:
    plain = settled(scene).render_key
    varied: list[dict[str, Any]] = [
        {"frames": "1-3"},
        {"fps": "60"},
        {"video": {"quality": 30}},
        {"chunk_size": 2},
        {"output": "frames"},
    ]
    for fields in varied:
        assert settled(scene, **fields).render_key == plain


def test_the_blender_that_the_farm_holds_may_be_asked_for(scene: Path) -> None:
    assert settled(scene, blender=BLENDER).render_key == settled(scene).render_key


def test_another_blender_than_the_farms_is_refused(scene: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"^blender: this farm renders with 4\.5\.15, not with 5\.0\.1\.$"):
        settled(scene, blender="5.0.1")


@pytest.mark.parametrize(("field", "value"), [("scene", "Night"), ("camera", "Drone")])
def test_what_the_scene_does_not_have_is_refused_with_what_it_has(scene: Path, field: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        settled(scene, **{field: value})
    assert caught.value.facts["field"] == field
    assert value in str(caught.value)


def test_a_scene_without_a_camera_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoCamera, match=KEY):
        settled(make_scene(tmp_path / "blind.blend", camera=False))


def test_a_scene_of_a_newer_blender_is_refused_before_anything_renders(tmp_path: Path) -> None:
    with pytest.raises(SceneTooNew, match=r"saved by Blender 5\.1, but this farm renders with 4\.5"):
        settled(make_scene(tmp_path / "new.blend", saved_by="5.1"))


def test_a_scene_slower_than_any_film_needs_a_rate_for_its_film_alone(tmp_path: Path) -> None:
    slow = make_scene(tmp_path / "slow.blend", fps="1/2")
    with pytest.raises(InvalidRequest, match=r"^fps: .*scene's rate is 0\.5"):
        settled(slow)
    assert settled(slow, fps="24").fps == "24"
    assert settled(slow, output="frames").fps == "1/2"


# ── prepare ──


def test_the_manifest_of_a_plain_job_has_only_fields_that_the_first_version_knew(farm: Farm) -> None:
    """A command line that was not updated, or a stack that was rolled back, refuses a manifest with any other field."""
    farm.prepare({"file": KEY})
    manifest = job_documents.read(farm.store, BUCKETS.logs, keys.manifest_key("shot-1"))
    assert set(manifest) <= {
        *("job_id", "started", "scene", "frames", "fps", "settings", "outputs", "output", "on_missing", "video"),
        *("chunk_size", "limits"),
    }


def test_the_manifest_holds_what_was_settled(farm: Farm, scene: Path) -> None:
    farm.prepare({"file": KEY, "start": "1", "end": "17", "chunk_size": 5, "max_workers": 3, "on_missing": "stitch"})
    job, expected = farm.job(), settled(scene, frames="1-17")
    assert (job.job_id, job.started, job.frames, job.fps) == ("shot-1", STARTED, "1-17", "2997/100")
    assert (job.output, job.on_missing, job.chunk_size, job.limits.max_workers) == ("both", "stitch", 5, 3)
    assert job.settings == expected.settings
    assert job.scene.to_json() == {"bucket": "scenes", "key": KEY, "version": "v1", "digest": expected.digest}
    assert job.outputs.bucket == "frames"
    assert job.outputs.prefix == keys.frames_prefix(KEY, expected.render_key)


def test_the_state_is_what_the_state_machine_reads(farm: Farm) -> None:
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


def test_the_workers_are_told_the_device(farm: Farm) -> None:
    state = farm.prepare({"file": KEY}, device="CUDA")
    assert state["settings"] == {"blender": BLENDER, "device": "CUDA", "format": "PNG"}
    assert farm.job().settings.device == "CUDA"


def test_preparing_twice_gives_the_same(farm: Farm) -> None:
    assert farm.prepare({"file": KEY}) == farm.prepare({"file": KEY})


def test_two_jobs_of_the_same_render_share_their_frames(farm: Farm) -> None:
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


def test_the_metadata_of_a_scene_says_nothing_to_a_request(scene: Path) -> None:
    farm = Farm(scene.read_bytes(), metadata={"frames": "1-3", START: START_NO})
    farm.prepare({"file": KEY, "frames": "7"})
    assert farm.job().frames == "7"


def test_an_upload_by_someone_who_starts_its_job_is_skipped(scene: Path) -> None:
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
def test_a_scene_that_is_not_there_is_refused_by_its_whole_key(farm: Farm, file: str) -> None:
    """A key that only begins like a scene's counted as that scene in the original."""
    with pytest.raises(SceneNotFound, match=file):
        farm.prepare({"file": file})
    assert farm.wrote_nothing()


@pytest.fixture
def textured(tmp_path: Path) -> Farm:
    """A store that holds a scene whose texture lies outside of it, and not yet in the store."""
    return Farm(make_scene(tmp_path / "textured.blend", missing_image="//textures/wood.png").read_bytes())


def test_a_scene_whose_texture_is_not_there_is_refused_with_its_name(textured: Farm) -> None:
    with pytest.raises(MissingAssets, match=r"'film/shot\.blend' refers to files that are missing: //textures/wood\.png\. "):
        textured.prepare({"file": KEY})
    assert textured.wrote_nothing()


def test_a_scene_renders_without_its_texture_where_the_request_says_so(textured: Farm) -> None:
    textured.prepare({"file": KEY, "missing_assets": "render"})
    assert textured.job().scene.assets is None


@pytest.mark.parametrize(
    "path", ["/host/set.blend", "//../../set.blend"], ids=["by an absolute path", "above the bucket"]
)
def test_a_library_outside_of_the_bucket_is_refused_even_where_the_job_renders_without_what_is_missing(
    tmp_path: Path, path: str
) -> None:
    """Blender reads a library as the scene opens, before the worker can keep it from that."""
    library = make_scene(tmp_path / "set.blend")
    farm = Farm(with_library(make_scene(tmp_path / "shot.blend", camera=False, library=library), path).read_bytes())
    with pytest.raises(MissingAssets):
        farm.prepare({"file": KEY})
    with pytest.raises(InvalidRequest, match=f"missing_assets: 'render' cannot leave out {path}, which Blender would"):
        farm.prepare({"file": KEY, "missing_assets": "render"})
    farm.prepare({"file": KEY, "missing_assets": "render", "trust_scripts": "true"})


def test_a_texture_beside_its_scene_is_part_of_the_job_by_its_version(textured: Farm) -> None:
    textured.store.put(BUCKETS.scenes, "film/textures/wood.png", b"wood")
    state = textured.prepare({"file": KEY})
    assert state["scene"]["assets"] == {"bucket": "logs", "key": "jobs/shot-1/assets.json"}
    (asset,) = job_documents.read(textured.store, BUCKETS.logs, "jobs/shot-1/assets.json")
    assert (asset["key"], asset["version"], asset["size"]) == ("film/textures/wood.png", "v1", 4)


def test_an_edited_texture_never_meets_old_frames_and_the_same_one_meets_them_again(textured: Farm) -> None:
    def prefix(texture: bytes) -> str:
        textured.store.put(BUCKETS.scenes, "film/textures/wood.png", texture)
        return str(textured.prepare({"file": KEY})["output"]["prefix"])

    without = textured.prepare({"file": KEY, "missing_assets": "render"})["output"]["prefix"]
    wood, stone, wood_again = prefix(b"wood"), prefix(b"stone"), prefix(b"wood")
    assert len({without, wood, stone}) == 3
    assert wood_again == wood


def test_a_film_that_would_replace_what_its_scene_reads_is_refused_and_one_of_another_name_is_not(
    tmp_path: Path,
) -> None:
    farm = Farm(make_scene(tmp_path / "shot.blend", missing_image="//shot.mp4").read_bytes())
    farm.store.put(BUCKETS.scenes, "film/shot.mp4", b"footage")
    refused: list[dict[str, Any]] = [{}, {"output": "video"}, {"missing_assets": "render"}]
    taken: list[dict[str, Any]] = [{"film": "night"}, {"output": "frames"}, {"video": {"codec": "prores"}}]
    for fields in refused:
        with pytest.raises(InvalidRequest, match=r"film: the film would replace 'film/shot\.mp4', which the scene"):
            farm.prepare({"file": KEY, **fields})
    assert farm.wrote_nothing()
    for number, fields in enumerate(taken):
        farm.prepare({"file": KEY, **fields}, job_id=f"shot-{number}")
    assert farm.job("shot-0").film == "night"


def test_what_a_library_reads_is_not_replaced_by_the_film_either(tmp_path: Path) -> None:
    library = make_scene(tmp_path / "set.blend", missing_image="//../film/shot.mp4")
    scene = make_scene(tmp_path / "shot.blend", camera=False, library=library, library_path="//../sets/set.blend")
    farm = Farm(scene.read_bytes())
    farm.store.put(BUCKETS.scenes, "sets/set.blend", library.read_bytes())
    farm.store.put(BUCKETS.scenes, "film/shot.mp4", b"footage")
    with pytest.raises(InvalidRequest, match="film"):
        farm.prepare({"file": KEY})


def test_a_folder_that_moves_whole_keeps_the_render_key(textured: Farm) -> None:
    textured.store.put(BUCKETS.scenes, "film/textures/wood.png", b"wood")
    textured.store.put(BUCKETS.scenes, "archive/2026/textures/wood.png", b"wood")
    textured.store.put(BUCKETS.scenes, "archive/2026/shot.blend", textured.store.get(BUCKETS.scenes, KEY) or b"")
    here, there = (textured.prepare({"file": file}) for file in (KEY, "archive/2026/shot.blend"))
    assert here["output"]["prefix"].removeprefix("film/") == there["output"]["prefix"].removeprefix("archive/2026/")


@pytest.mark.parametrize("data", [b"", b"no blend file", b"BLENDER", b"BLENDER-v405" + bytes(100)])
def test_a_file_that_is_no_scene_is_refused(data: bytes) -> None:
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


def test_a_manifest_is_a_request_that_was_understood(farm: Farm) -> None:
    """What the console, `submit_job` and the command line hand in comes to the same job."""
    first = {"file": KEY, "start": "1", "end": "5"}
    farm.prepare(first, job_id="console")
    farm.prepare(parse_request(first).to_json(), job_id="submitted")
    assert farm.job("console").to_json() | {"job_id": ""} == farm.job("submitted").to_json() | {"job_id": ""}


def test_an_uploaded_scene_with_code_renders_without_it_where_its_metadata_says_so(tmp_path: Path) -> None:
    """A rig whose text is but an interface; the refusal tells its uploader of this way."""
    scene = make_scene(tmp_path / "rig.blend", script="import os").read_bytes()
    with pytest.raises(
        InvalidRequest, match=r"trust_scripts: .*'startup\.py'.*uploaded scene's metadata it may only be false"
    ):
        Farm(scene).prepare(UPLOAD)
    farm = Farm(scene, {"trust-scripts": "false"})
    farm.prepare(UPLOAD)
    assert farm.job().settings.trust_scripts is False
