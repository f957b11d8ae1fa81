"""Notices about a job's output."""

from dataclasses import replace
from fractions import Fraction

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


def texts(first: SceneEntry, *others: SceneEntry) -> list[str]:
    facts = SceneFacts(file="shot.blend", blender_version=(4, 5), scenes=(first, *others), active=first.name)
    return [notice.text for notice in output_notices(facts, facts.pick())]


def test_strips_of_a_scene_without_a_camera_are_announced() -> None:
    [text] = texts(EDIT, entry("Shot", sources=Sources()))
    assert text == "Strips of scenes without a camera render empty: set the camera of 'Shot', or of the strips."


def test_strips_that_show_something_are_not_announced() -> None:
    assert texts(EDIT, entry("Shot")) == []
    assert texts(EDIT, entry("Shot", sources=Sources(layers=()))) == []
    unused = replace(EDIT, sources=replace(EDIT.sources, strips=False, has_camera=True))
    assert texts(unused, entry("Shot", sources=Sources())) == []
