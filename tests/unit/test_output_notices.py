"""Notices about a job's output."""

from dataclasses import replace
from fractions import Fraction

import pytest

from frameloom.model.request import JobRequest
from frameloom.model.scene import SceneEntry, SceneFacts
from frameloom.model.sources import Sources
from frameloom.model.views import View, Views
from frameloom.services.scene.output_notices import output_notices


def entry(name: str, **more: object) -> SceneEntry:
    facts: dict[str, object] = {
        "frame_start": 1, "frame_end": 5, "frame_step": 1, "fps": Fraction(24), "size": (64, 36), "percentage": 100,
        "engine": "CYCLES", "format": "PNG", "sources": Sources(has_camera=True), **more,
    }  # fmt: skip
    return SceneEntry(name=name, **facts)  # type: ignore[arg-type]


REQUEST = JobRequest(file="shot.blend")
PAIR = (View(name="left", suffix="_L"), View(name="right", suffix="_R"))
EDIT = entry("Edit", sources=Sources(strips=True, strip_scenes=("Shot", "Linked")))


def texts(first: SceneEntry, *others: SceneEntry, request: JobRequest = REQUEST) -> list[str]:
    facts = SceneFacts(file="shot.blend", blender_version=(4, 5), scenes=(first, *others), active=first.name)
    return [notice.text for notice in output_notices(facts, facts.pick(), request)]


def test_strips_of_a_scene_without_a_camera_are_announced() -> None:
    [text] = texts(EDIT, entry("Shot", sources=Sources()))
    assert text == "Strips of scenes without a camera render empty: set the camera of 'Shot', or of the strips."


def test_strips_that_show_something_are_not_announced() -> None:
    assert texts(EDIT, entry("Shot")) == []
    assert texts(EDIT, entry("Shot", sources=Sources(layers=()))) == []
    unused = replace(EDIT, sources=replace(EDIT.sources, strips=False, has_camera=True))
    assert texts(unused, entry("Shot", sources=Sources())) == []


def job_of(**options: object) -> JobRequest:
    return JobRequest.read({"file": "shot.blend", **options})


@pytest.mark.parametrize(
    ("scene", "job", "words"),
    [
        ("TIFF", "PNG", "is set to TIFF, but the frames are PNG: farms write"),
        ("OPEN_EXR", "PNG", "choose `--format OPEN_EXR`"),
        ("OPEN_EXR_MULTILAYER", "OPEN_EXR", "without layers and passes"),
    ],
)
def test_a_format_that_the_job_replaces_is_announced(scene: str, job: str, words: str) -> None:
    [text] = texts(entry("Shot", format=scene), request=job_of(format=job))
    assert words in text


@pytest.mark.parametrize(("scene", "job"), [("PNG", "PNG"), ("JPEG", "JPEG"), ("PNG", "OPEN_EXR"), ("FFMPEG", "PNG")])
def test_a_format_that_is_kept_or_chosen_is_not_announced(scene: str, job: str) -> None:
    assert texts(entry("Shot", format=scene), request=job_of(format=job)) == []


def test_file_output_nodes_are_announced_unless_strips_replace_the_compositor() -> None:
    sources = Sources(has_camera=True, file_outputs=("Passes", "Masks"))
    [text] = texts(entry("Shot", sources=sources))
    assert text == "The File Output nodes of scene 'Shot' write no files on a farm: 'Passes', 'Masks'."
    assert texts(entry("Shot", sources=replace(sources, strips=True))) == []


def test_previews_of_openexr_frames_are_announced() -> None:
    shot = entry("Shot", format="OPEN_EXR", exr_preview=True)
    [text] = texts(shot, request=job_of(format="OPEN_EXR"))
    assert "no JPEG" in text
    assert texts(replace(shot, exr_preview=False), request=job_of(format="OPEN_EXR")) == []


def test_the_missing_sound_of_a_film_is_announced() -> None:
    shot = entry("Shot", format="FFMPEG", sources=Sources(has_camera=True, sounds=True))
    [text] = texts(shot)
    assert "no sound" in text
    assert texts(shot, request=job_of(output="frames")) == []


def stereo(views: Views, **fields: object) -> list[str]:
    return texts(entry("Shot", camera="Cam", views=views), request=JobRequest(file="shot.blend", **fields))  # type: ignore[arg-type]


def test_a_film_of_one_view_is_announced() -> None:
    film = "The film shows the view 'left' alone; the frames have all views."
    assert stereo(Views(rendered=PAIR)) == [film]
    assert stereo(Views(rendered=PAIR), output="video") == [film]
    assert stereo(Views(rendered=PAIR), output="frames") == []
    assert stereo(Views(rendered=PAIR, format="STEREO_3D")) == []
    assert stereo(Views(rendered=PAIR, format="MULTIVIEW"), format="OPEN_EXR") == [film]
    assert stereo(Views(rendered=PAIR[:1])) == []


def test_views_that_one_file_cannot_hold_are_announced() -> None:
    [text] = stereo(Views(rendered=PAIR, format="MULTIVIEW"), output="frames")
    assert text == "Each view is a file of its own: PNG does not hold several views, OPEN_EXR does."


def test_views_that_show_the_same_camera_are_announced() -> None:
    [text] = stereo(Views(rendered=PAIR, by_camera=True), output="frames")
    assert text == (
        "All views show the same camera, 'Cam': Multi-View finds the camera of a view by its suffix, such as 'Cam_L'."
    )
    suffixed = entry("Shot", camera="Cam_R", views=Views(rendered=PAIR, by_camera=True))
    assert texts(suffixed, request=JobRequest(file="shot.blend", output="frames")) == []
