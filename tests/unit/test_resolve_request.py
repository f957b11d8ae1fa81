"""Requests resolved against real scenes."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from frameloom.model import keys
from frameloom.model.errors import InvalidRequest, NoCamera, SceneTooNew
from frameloom.model.request import JobRequest
from frameloom.services.resolve_request import resolve_request
from tests.scenes import make_scene
from tests.unit.preparation import BLENDER, KEY, plain_scene, resolved


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plain_scene(tmp_path_factory.mktemp("scenes"))


def test_frames_and_rate_default_to_those_of_the_scene(scene: Path) -> None:
    found = resolved(scene)
    assert list(found.frames) == [3, 5, 7, 9, 11]
    assert found.fps == "2997/100"
    assert found.size == (64, 36)
    assert found.digest == hashlib.sha256(scene.read_bytes()).hexdigest()


def test_a_request_overrides_the_scene(scene: Path) -> None:
    found = resolved(scene, frames="-2-2", fps="25", resolution_percentage=50, samples=7, camera="Crane")
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


def test_openexr_that_the_encoder_cannot_decode_is_refused_for_a_film(tmp_path: Path) -> None:
    also = "scene.render.image_settings.exr_codec = 'PIZ'"
    scene = make_scene(tmp_path / "shot.blend", format="OPEN_EXR", also=also)
    with pytest.raises(InvalidRequest, match="scene 'Scene' compresses OpenEXR with PIZ, which the film's encoder"):
        resolved(scene, format="OPEN_EXR")
    # The codec does not matter for other formats, without a film, or if the frames exist.
    for fields in (
        {"format": "JPEG"},
        {"format": "OPEN_EXR", "output": "frames"},
        {"format": "OPEN_EXR", "output": "video"},
    ):
        assert resolved(scene, **fields).size == (64, 36)


def test_the_version_of_blender_is_part_of_the_render_key(scene: Path) -> None:
    request = JobRequest(file=KEY)
    one, other = (resolve_request(request, scene, blenders=[blender], device="CPU") for blender in ("4.5.15", "4.5.16"))
    assert one.render_key != other.render_key


def test_each_gpu_device_has_its_own_render_key(scene: Path) -> None:
    """CUDA and OptiX round differently from the CPU, and from each other."""
    keys_by_device = {device: resolved(scene, device=device).render_key for device in ("CPU", "CUDA", "OPTIX")}
    assert len(set(keys_by_device.values())) == 3


def test_the_cpu_keeps_the_render_keys_of_versions_without_devices(scene: Path) -> None:
    found = resolved(scene, device="cpu")
    assert found.settings.to_json() == {"blender": BLENDER, "format": "PNG"}
    assert found.render_key == resolved(scene).render_key


def test_the_device_of_the_request_overrides_that_of_the_farm(scene: Path) -> None:
    assert resolved(scene, "OPTIX").settings.device == "OPTIX"
    assert resolved(scene, "OPTIX", device="CUDA").settings.device == "CUDA"
    assert resolved(scene, "OPTIX", device="CPU").render_key == resolved(scene).render_key
    assert resolved(scene, "OPTIX").render_key == resolved(scene, device="OPTIX").render_key


def test_an_edited_scene_has_another_render_key(scene: Path, tmp_path: Path) -> None:
    edited = make_scene(tmp_path / "edited.blend", frames=(3, 12), size=(65, 36))
    assert resolved(edited).render_key != resolved(scene).render_key


def test_only_frames_that_earlier_workers_rendered_wrong_get_a_new_render_key(tmp_path: Path) -> None:
    def has_new_key(also: str, wanted: str) -> bool:
        found = resolved(make_scene(tmp_path / "shot.blend", format=wanted, also=also), format=wanted)
        return found.render_key != keys.render_key(digest=found.digest, settings=found.settings)

    single = "scene.render.use_single_layer = True"
    override = "scene.render.image_settings.color_management = 'OVERRIDE'"
    assert [has_new_key("", "PNG"), has_new_key(override, "PNG")] == [False, False]
    assert [has_new_key(single, "PNG"), has_new_key(override, "OPEN_EXR")] == [True, True]


def test_the_render_key_does_not_depend_on_frames_or_film(scene: Path) -> None:
    plain = resolved(scene).render_key
    varied: list[dict[str, Any]] = [
        {"frames": "1-3"},
        {"fps": "60"},
        {"video": {"quality": 30}},
        {"chunk_size": 2},
        {"output": "frames"},
    ]
    for fields in varied:
        assert resolved(scene, **fields).render_key == plain


def test_a_request_may_name_the_blender_of_the_farm(scene: Path) -> None:
    assert resolved(scene, blender=BLENDER).render_key == resolved(scene).render_key


def test_another_blender_than_the_farms_is_refused(scene: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"^blender: this farm has Blender 4\.5\.15, not '5\.0\.1': leave it out"):
        resolved(scene, blender="5.0.1")


@pytest.mark.parametrize(("field", "value"), [("scene", "Night"), ("camera", "Drone")])
def test_an_unknown_scene_or_camera_is_refused_with_the_existing_ones(scene: Path, field: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        resolved(scene, **{field: value})
    assert caught.value.facts["field"] == field
    assert value in str(caught.value)


def test_a_scene_without_a_camera_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoCamera, match=KEY):
        resolved(make_scene(tmp_path / "blind.blend", camera=False))


def test_a_scene_of_a_newer_blender_is_refused_before_anything_renders(tmp_path: Path) -> None:
    with pytest.raises(SceneTooNew, match=r"saved by Blender 5\.1, but this farm has Blender 4\.5\.15: add"):
        resolved(make_scene(tmp_path / "new.blend", saved_by="5.1"))


def test_a_scene_with_a_rate_below_any_film_needs_fps_only_for_a_film(tmp_path: Path) -> None:
    slow = make_scene(tmp_path / "slow.blend", fps="1/2")
    with pytest.raises(InvalidRequest, match=r"^fps: .*scene's rate is 0\.5"):
        resolved(slow)
    assert resolved(slow, fps="24").fps == "24"
    assert resolved(slow, output="frames").fps == "1/2"
