"""Notices about the output of a job: what the picture and the files lack, without an error from Blender."""

from collections.abc import Iterator
from itertools import chain

from frameloom.model.counts import listed
from frameloom.model.notices import Notice, NoticeKind
from frameloom.model.request import JobRequest
from frameloom.model.scene import SceneEntry, SceneFacts
from frameloom.model.sources import empty_strips
from frameloom.model.views import Views

# The names in Blender's menu File Format of the formats that farms replace, by their identifiers.
REPLACED_FORMATS = {
    "TARGA": "Targa", "TARGA_RAW": "Targa Raw", "IRIS": "Iris", "JPEG": "JPEG", "BMP": "BMP", "HDR": "Radiance HDR",
    "TIFF": "TIFF", "OPEN_EXR": "OpenEXR", "OPEN_EXR_MULTILAYER": "OpenEXR MultiLayer", "CINEON": "Cineon",
    "DPX": "DPX", "JPEG2000": "JPEG 2000", "WEBP": "WebP",
}  # fmt: skip
_KEPT = ("JPEG", "OPEN_EXR")
_LAYERED = "OPEN_EXR_MULTILAYER"


def output_notices(facts: SceneFacts, entry: SceneEntry, request: JobRequest) -> tuple[Notice, ...]:
    """Return the notices about the output of a request for a scene of the file."""
    found = [*_strips(facts, entry), *_outputs(entry, request)] if request.output != "video" else []
    if entry.views is not None and len(entry.views.rendered) > 1:
        texts = _stereo(entry, entry.views, request)
        found += [Notice(kind=NoticeKind.STEREO, text=text, items=_names(entry.views)) for text in texts]
    return tuple(found)


def _outputs(entry: SceneEntry, request: JobRequest) -> Iterator[Notice]:
    """Yield the notices about outputs that the scene is set to and the job does not make."""
    found = chain(_format(entry, request), _file_outputs(entry), _previews(entry, request), _sound(entry, request))
    return (Notice(kind=NoticeKind.OUTPUT, text=text, items=items) for text, items in found)


_Text = tuple[str, tuple[str, ...]]


def _format(entry: SceneEntry, request: JobRequest) -> Iterator[_Text]:
    """Yield the text about a format that the job replaces. A job that names another format has chosen it."""
    label, start = REPLACED_FORMATS.get(entry.format), f"Scene {entry.name!r} is set to"
    if request.format == "OPEN_EXR" and entry.format == _LAYERED:
        yield f"{start} {label}, but the frames are OpenEXR of the combined picture, without layers and passes.", ()
    elif request.format != "PNG" or label is None:
        return
    elif entry.format in _KEPT:
        yield f"{start} {label}, but the frames are PNG: choose `--format {entry.format}` to keep the format.", ()
    else:
        yield f"{start} {label}, but the frames are PNG: farms write PNG, JPEG and OpenEXR of the combined picture.", ()


def _file_outputs(entry: SceneEntry) -> Iterator[_Text]:
    sources = entry.sources
    if sources.file_outputs and not sources.strips:
        names = listed([repr(name) for name in sources.file_outputs])
        yield f"The File Output nodes of scene {entry.name!r} write no files on a farm: {names}.", sources.file_outputs


def _previews(entry: SceneEntry, request: JobRequest) -> Iterator[_Text]:
    if entry.exr_preview and request.format == "OPEN_EXR" == entry.format:
        yield f"Scene {entry.name!r} is set to Preview: farms write no JPEG beside an OpenEXR frame.", ()


def _sound(entry: SceneEntry, request: JobRequest) -> Iterator[_Text]:
    if entry.format == "FFMPEG" and entry.sources.sounds and request.output == "both":
        yield f"The film of scene {entry.name!r} has no sound: add the sound of its strips to the film.", ()


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
