"""Notices about a job's output."""

from dataclasses import replace
from fractions import Fraction

import pytest

from frameloom.model.request import JobRequest
from frameloom.model.scene import SceneEntry, SceneFacts
from frameloom.model.sources import Sources
from frameloom.services.scene.output_notices import output_notices


def entry(name: str, **more: object) -> SceneEntry:
    facts: dict[str, object] = {
        "frame_start": 1, "frame_end": 5, "frame_step": 1, "fps": Fraction(24), "size": (64, 36), "percentage": 100,
        "engine": "CYCLES", "format": "PNG", "sources": Sources(has_camera=True), **more,
    }  # fmt: skip
    return SceneEntry(name=name, **facts)  # type: ignore[arg-type]


EDIT = entry("Edit", sources=Sources(strips=True, strip_scenes=("Shot", "Linked")))


def texts(first: SceneEntry, *others: SceneEntry, **options: object) -> list[str]:
    request = JobRequest.read({"file": "shot.blend", **options})
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


@pytest.mark.parametrize(
    ("scene", "job", "words"),
    [
        ("TIFF", "PNG", "is set to TIFF, but the frames are PNG: farms write"),
        ("OPEN_EXR", "PNG", "choose `--format OPEN_EXR`"),
        ("OPEN_EXR_MULTILAYER", "OPEN_EXR", "without layers and passes"),
    ],
)
def test_a_format_that_the_job_replaces_is_announced(scene: str, job: str, words: str) -> None:
    [text] = texts(entry("Shot", format=scene), format=job)
    assert words in text


@pytest.mark.parametrize(("scene", "job"), [("PNG", "PNG"), ("JPEG", "JPEG"), ("PNG", "OPEN_EXR"), ("FFMPEG", "PNG")])
def test_a_format_that_is_kept_or_chosen_is_not_announced(scene: str, job: str) -> None:
    assert texts(entry("Shot", format=scene), format=job) == []


def test_file_output_nodes_are_announced_unless_strips_replace_the_compositor() -> None:
    sources = Sources(has_camera=True, file_outputs=("Passes", "Masks"))
    [text] = texts(entry("Shot", sources=sources))
    assert text == "The File Output nodes of scene 'Shot' write no files on a farm: 'Passes', 'Masks'."
    assert texts(entry("Shot", sources=replace(sources, strips=True))) == []


def test_previews_of_openexr_frames_are_announced() -> None:
    shot = entry("Shot", format="OPEN_EXR", exr_preview=True)
    [text] = texts(shot, format="OPEN_EXR")
    assert "no JPEG" in text
    assert texts(replace(shot, exr_preview=False), format="OPEN_EXR") == []


def test_the_missing_sound_of_a_film_is_announced() -> None:
    shot = entry("Shot", format="FFMPEG", sources=Sources(has_camera=True, sounds=True))
    [text] = texts(shot)
    assert "no sound" in text
    assert texts(shot, output="frames") == []
