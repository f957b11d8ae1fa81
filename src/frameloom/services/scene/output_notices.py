"""Notices about the output of a job: what the picture lacks although Blender renders it without an error."""

from collections.abc import Iterator

from frameloom.model.counts import listed
from frameloom.model.notices import Notice, NoticeKind
from frameloom.model.request import JobRequest
from frameloom.model.scene import SceneEntry, SceneFacts
from frameloom.model.sources import empty_strips
from frameloom.model.views import Views


def output_notices(facts: SceneFacts, entry: SceneEntry, request: JobRequest) -> tuple[Notice, ...]:
    """Return the notices about the output of a request for a scene of the file."""
    found = [*_strips(facts, entry)] if request.output != "video" else []
    if entry.views is not None and len(entry.views.rendered) > 1:
        texts = _stereo(entry, entry.views, request)
        found += [Notice(kind=NoticeKind.STEREO, text=text, items=_names(entry.views)) for text in texts]
    return tuple(found)


def _strips(facts: SceneFacts, entry: SceneEntry) -> Iterator[Notice]:
    if empty := empty_strips(entry.name, facts.sources | {entry.name: entry.sources}):
        names = listed([repr(name) for name in empty])
        text = f"Strips of scenes without a camera render empty: set the camera of {names}, or of the strips."
        yield Notice(kind=NoticeKind.STRIPS, text=text, items=empty)


def _stereo(entry: SceneEntry, views: Views, request: JobRequest) -> Iterator[str]:
    held = views.format_for(request.format)
    if request.output != "frames" and held != "STEREO_3D":
        yield f"The film shows the view {views.rendered[0].name!r} alone; the frames have all views."
    if request.output == "video":
        return
    if held != views.format:
        yield f"Each view is a file of its own: {request.format} does not hold several views, OPEN_EXR does."
    suffixes = tuple(view.suffix for view in views.rendered)
    if views.by_camera and entry.camera is not None and not entry.camera.endswith(suffixes):
        yield (
            f"All views show the same camera, {entry.camera!r}: Multi-View finds the camera of a view by its suffix, "
            f"such as {entry.camera + suffixes[0]!r}."
        )


def _names(views: Views) -> tuple[str, ...]:
    return tuple(view.name for view in views.rendered)
