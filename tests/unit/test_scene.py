"""The scene and the camera that a job renders, and the size of its frames."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model.errors import InvalidRequest, NoCamera
from frameloom.model.scene import SceneEntry, SceneFacts
from frameloom.model.sources import Sources


def _entry(name: str = "Day", camera: str | None = "Camera", **more: object) -> SceneEntry:
    facts: dict[str, object] = {
        "frame_start": 1, "frame_end": 5, "frame_step": 1, "fps": Fraction(24), "size": (64, 36), "percentage": 50,
        "engine": "CYCLES", "format": "PNG", **more,
    }  # fmt: skip
    sources = Sources(has_camera=camera is not None)
    return SceneEntry(name=name, camera=camera, sources=sources, **facts)  # type: ignore[arg-type]


DAY, NIGHT = _entry(), _entry("Night", None)
FILE = SceneFacts(
    file="shot.blend", blender_version=(4, 5), scenes=(DAY, NIGHT), active="Day", cameras=("Camera", "Side"),
    linked_objects=("Far",),
)  # fmt: skip


def test_the_active_scene_is_picked_unless_another_is_named() -> None:
    assert FILE.pick() == DAY
    assert FILE.pick("Day") == DAY
    assert FILE.pick("Night", "Side").name == "Night"


def test_a_named_camera_replaces_that_of_the_scene() -> None:
    assert FILE.pick(None, "Side").camera == "Side"
    assert FILE.pick(None, "Camera") == DAY


def test_an_object_linked_from_another_file_may_be_the_camera() -> None:
    assert FILE.pick(None, "Far").camera == "Far"


def test_a_scene_may_render_from_an_object_that_is_not_a_camera() -> None:
    # Blender accepts every object as a camera, such as a light.
    facts = SceneFacts(file="shot.blend", blender_version=(4, 5), scenes=(_entry(camera="Lamp"),), active="Day")
    assert facts.pick(None, "Lamp").camera == "Lamp"


def test_an_unknown_scene_is_refused_with_the_existing_scenes() -> None:
    with pytest.raises(InvalidRequest) as raised:
        FILE.pick("Dusk")
    assert raised.value.facts == {
        "field": "scene",
        "problem": "'shot.blend' has no scene 'Dusk'; it has 'Day', 'Night'",
    }


def test_an_unknown_camera_is_refused_with_the_existing_cameras() -> None:
    with pytest.raises(InvalidRequest) as raised:
        FILE.pick(None, "Top")
    assert str(raised.value) == "camera: 'shot.blend' has no camera 'Top'; it has 'Camera', 'Side'."


def test_an_unknown_camera_is_refused_in_a_file_without_cameras() -> None:
    facts = SceneFacts(file="shot.blend", blender_version=(4, 5), scenes=(NIGHT,), active="Night")
    with pytest.raises(InvalidRequest, match="has no camera 'Top', and no other camera"):
        facts.pick(None, "Top")


def test_a_message_lists_only_some_of_a_thousand_names() -> None:
    scenes = tuple(_entry(f"Shot {number}") for number in range(1000))
    facts = SceneFacts(file="shot.blend", blender_version=(4, 5), scenes=scenes, active="Shot 0")
    with pytest.raises(InvalidRequest, match="'Shot 19' and 980 more"):
        facts.pick("Dusk")


def test_a_scene_without_a_camera_is_refused_unless_one_is_named() -> None:
    with pytest.raises(NoCamera) as raised:
        FILE.pick("Night")
    assert raised.value.facts == {"file": "shot.blend", "scene": "Night"}
    assert FILE.pick("Night", "Side").camera == "Side"


# Rendered by Blender 4.5.15 and 5.0.1.
@pytest.mark.parametrize(
    ("size", "percentage", "rendered"),
    [((101, 57), 33, (33, 18)), ((64, 36), 10, (6, 3)), ((199, 99), 99, (197, 98)), ((1080, 1350), 7, (75, 94)),
     ((7, 5), 150, (10, 7)), ((4, 4), 30, (1, 1))],
)  # fmt: skip
def test_a_size_is_rounded_down_as_blender_does(
    size: tuple[int, int], percentage: int, rendered: tuple[int, int]
) -> None:
    assert _entry(size=size).rendered_size(percentage) == rendered
    assert _entry(size=size, percentage=percentage).rendered_size() == rendered


# Rendered by Blender 4.5.15 and 5.0.1. In double precision, each of these would differ by a pixel.
@pytest.mark.parametrize(
    ("width", "left", "right", "rendered"),
    [(60, 0.15, 0.35, 12), (100, 0.2, 0.65, 45), (120, 0.35, 0.75, 48), (80, 0.35, 0.75, 32), (40, 0.65, 0.8, 6),
     (190, 0.2, 0.7, 95), (10, 0.05, 0.9, 9)],
)  # fmt: skip
def test_a_crop_is_rounded_as_blender_does(width: int, left: float, right: float, rendered: int) -> None:
    single = _single(left), 0.0, _single(right), 1.0
    assert _entry(size=(width, 20), crop=single).rendered_size(100) == (rendered, 20)
    upright = 0.0, _single(left), 1.0, _single(right)
    assert _entry(size=(20, width), crop=upright).rendered_size(100) == (20, rendered)


def _single(number: float) -> float:
    import ctypes  # noqa: PLC0415

    return ctypes.c_float(number).value


@given(st.integers(4, 65536), st.integers(4, 65536), st.integers(1, 1000))
def test_a_rendered_size_is_rounded_down_by_less_than_a_pixel(x: int, y: int, percentage: int) -> None:
    if x * percentage < 100 or y * percentage < 100:
        with pytest.raises(InvalidRequest, match="resolution_percentage: at"):
            _entry(size=(x, y)).rendered_size(percentage)
        return
    for side, rendered in zip((x, y), _entry(size=(x, y)).rendered_size(percentage), strict=True):
        assert rendered * 100 <= side * percentage < (rendered + 1) * 100
