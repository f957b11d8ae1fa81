"""Notices about the output of a job: what the picture lacks although Blender renders it without an error."""

from collections.abc import Iterator

from frameloom.model.counts import listed
from frameloom.model.notices import Notice, NoticeKind
from frameloom.model.scene import SceneEntry, SceneFacts
from frameloom.model.sources import empty_strips


def output_notices(facts: SceneFacts, entry: SceneEntry) -> tuple[Notice, ...]:
    """Return the notices about the output of a scene of the file."""
    return tuple(_strips(facts, entry))


def _strips(facts: SceneFacts, entry: SceneEntry) -> Iterator[Notice]:
    if empty := empty_strips(entry.name, facts.sources | {entry.name: entry.sources}):
        names = listed([repr(name) for name in empty])
        text = f"Strips of scenes without a camera render empty: set the camera of {names}, or of the strips."
        yield Notice(kind=NoticeKind.STRIPS, text=text, items=empty)
