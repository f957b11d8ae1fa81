"""The output of `frameloom check`: the output of a job and its scene, in the words of Blender's interface."""

from collections.abc import Iterator
from fractions import Fraction

import typer

from frameloom.cli.check_document import DEFAULT_FORMAT, as_json, caches, frames, libraries, picture
from frameloom.cli.output import REFUSED, tell_error, tell_json, tell_notice
from frameloom.cli.terminal import say
from frameloom.client.scene_check import SceneCheck
from frameloom.model.colours import Colours
from frameloom.model.counts import counted, listed
from frameloom.model.scene import SceneEntry, SceneFacts
from frameloom.model.settings import VideoSettings
from frameloom.model.sources import without_camera
from frameloom.model.views import Views
from frameloom.services.scene.output_notices import REPLACED_FORMATS

# A sequence may have thousands of frames.
_LISTED = 20
_ENGINES = {
    "CYCLES": "Cycles", "BLENDER_EEVEE": "EEVEE", "BLENDER_EEVEE_NEXT": "EEVEE", "BLENDER_WORKBENCH": "Workbench",
    "BLENDER_RENDER": "Blender Internal",
}  # fmt: skip
_FORMATS = {**REPLACED_FORMATS, "PNG": "PNG", "FFMPEG": "FFmpeg Video"}
_PICTURES = {"sequencer": "strips of the Sequencer", "compositor": "Compositor"}
_CODECS = {"h264": "H.264"}
# The width of a line's title, the mark of a setting that a job replaces or leaves out, and its explanation.
_TITLE, _MARK, _LEGEND = 17, "!", "! A job replaces this setting or leaves it out: see the notices."
# A title, its text, and whether a job differs.
_Line = tuple[str, str, bool]


def show(check: SceneCheck, *, json: bool) -> None:
    """Print the notices, then the output of a job and the settings of its scene.

    Raises:
        typer.Exit: a farm would refuse the scene; the reason was printed.
    """
    for notice in check.notices:
        tell_notice(notice)
    if json:
        tell_json(as_json(check))
    else:
        say(*_lines(check))
    if check.refusal is not None:
        tell_error(type(check.refusal).__name__, str(check.refusal), json=False)
        raise typer.Exit(REFUSED)


def _lines(check: SceneCheck) -> Iterator[str]:
    facts = check.facts
    by = "" if check.rendered_by is None else f", rendered by {check.rendered_by}"
    yield f"{facts.file} ({_bytes(check.size)}), saved by Blender {check.blender}{by}"
    if check.job is not None:
        yield "A job makes"
        yield from _section(_job(check))
    first, *others = sorted(facts.scenes, key=lambda entry: entry.name != facts.active)
    yield f"Scene {first.name!r}" + (", the active one" if others else "")
    settings = [*_section(_scene(first, facts))]
    yield from settings
    if any(line.startswith(_MARK) for line in settings):
        yield _LEGEND
    if others:
        yield "Other scenes"
    for entry in others:
        width, height = entry.size
        yield (
            f"  {entry.name}: frames {frames(entry)}, {float(entry.fps):g} fps, {width * entry.percentage // 100} x "
            f"{height * entry.percentage // 100}, {_engine(entry)}, camera: {_camera(entry, facts)}"
        )
    if contents := [*_section(_contents(check))]:
        yield "The file also has"
        yield from contents
    yield from _files(check)


def _section(lines: Iterator[_Line]) -> Iterator[str]:
    for title, text, differs in lines:
        if text:
            yield f"{_MARK if differs else ' '} {title:<{_TITLE}} {text}"


def _job(check: SceneCheck) -> Iterator[_Line]:
    job, video = check.job, VideoSettings()
    if job is None:
        return
    files = "" if job.endings is None else f", {counted(len(job.endings), 'file')} each"
    width, height = job.size
    yield "Frames", f"{len(job.frames):,} {_label(job.settings.format)}, {width} x {height} pixels{files}", False
    yield (
        "Film",
        f"{_CODECS.get(video.codec, video.codec)} (.{video.container}), {float(Fraction(job.fps)):g} fps",
        False,
    )
    yield "OpenColorIO", "" if job.config is None else job.config.key, False


def _scene(entry: SceneEntry, facts: SceneFacts) -> Iterator[_Line]:
    yield "Frame Range", frames(entry), False
    yield "Frame Rate", f"{float(entry.fps):g} fps", False
    old, new = entry.time_stretching
    yield "Time Stretching", "" if old == new else f"{old} to {new}", False
    yield "Resolution", _resolution(entry), False
    bound = f"; markers bind {listed(entry.marker_cameras)}" if entry.marker_cameras else ""
    others = len({*facts.cameras} - {entry.camera, *entry.marker_cameras})
    more = f", and {others:,} more in the file" if others else ""
    yield "Camera", f"{_camera(entry, facts)}{bound}{more}", False
    yield "Render Engine", _engine(entry), False
    yield "Options", ", ".join(entry.options), False
    for layer in entry.view_layers[:_LISTED]:
        single = len(entry.view_layers) == 1 and layer.passes == ("Combined",)
        passes = listed(layer.passes) or "no pass"
        state = "" if layer.rendered else " (not used for rendering)"
        yield "View Layer", "" if single else f"{layer.name}{state}: {passes}", False
    if len(entry.view_layers) > _LISTED:
        yield "View Layer", f"and {len(entry.view_layers) - _LISTED:,} more", False
    yield "Picture", _PICTURES.get(picture(entry), ""), False
    yield "File Output", "" if entry.sources.strips else listed(entry.sources.file_outputs), True
    yield "File Format", _format(entry), entry.format != DEFAULT_FORMAT
    yield "Color Management", _colours(entry.colours), False
    yield "Stereoscopy", "" if entry.views is None else _views(entry.views), False
    yield "Sound", "strips with sound" if entry.sources.sounds else "", entry.format == "FFMPEG"
    yield "Burn Into Image", ", ".join(entry.stamp), True


def _resolution(entry: SceneEntry) -> str:
    width, height = entry.size
    text = f"{width} x {height}"
    if entry.percentage != 100:
        scaled = f"{width * entry.percentage // 100} x {height * entry.percentage // 100}"
        text += f" at {entry.percentage} %: {scaled}"
    return text if entry.pixel_aspect == 1 else f"{text}, pixel aspect {entry.pixel_aspect}"


def _camera(entry: SceneEntry, facts: SceneFacts) -> str:
    if entry.camera:
        return entry.camera
    if entry.sources.has_camera:
        return "none active"
    return "none" if without_camera(entry.name, facts.sources) == entry.name else "none needed"


def _engine(entry: SceneEntry) -> str:
    return _ENGINES.get(entry.engine, entry.engine)


def _format(entry: SceneEntry) -> str:
    depth = f"{entry.color_depth} bits" if entry.color_depth else ""
    codec = entry.exr_codec if entry.format.startswith("OPEN_EXR") else ""
    parts = [part for part in (_label(entry.format), entry.color_mode, depth, codec) if part]
    return ", ".join(parts)


def _label(file_format: str) -> str:
    return _FORMATS.get(file_format, file_format)


def _colours(colours: Colours) -> str:
    parts = [colours.display or "sRGB", colours.view or "Standard"]
    parts += [f"look {colours.look}"] if colours.look not in ("", "None") else []
    parts += [f"exposure {colours.exposure:g}"] if colours.exposure else []
    parts += [f"gamma {colours.gamma:g}"] if colours.gamma != 1 else []
    return ", ".join(parts)


def _views(views: Views) -> str:
    return views.describe(DEFAULT_FORMAT).removeprefix("views ")


def _contents(check: SceneCheck) -> Iterator[_Line]:
    references = check.facts.references
    yield "Python", listed(check.scripts), False
    yield "Add-on data", listed(check.facts.tree_types), False
    yield "Unbaked", listed(map(str, check.facts.simulations)), False
    yield "Libraries", listed(libraries(references)), False
    yield "Caches", listed(caches(references)), False


def _files(check: SceneCheck) -> Iterator[str]:
    assets, missing = check.assets, check.missing
    if assets or missing:
        lost = f", {len(missing):,} missing" if missing else ""
        yield f"Other files: {len(assets):,} ({_bytes(sum(assets.values()))}){lost}"
    there = [f"{path}  {_bytes(size)}" for path, size in assets.items()]
    for state, lines in (("missing", list(missing)), ("there", there)):
        for line in lines[:_LISTED]:
            yield f"  {state:<7} {line}"
        if len(lines) > _LISTED:
            yield f"  {state:<7} and {len(lines) - _LISTED:,} more"


def _bytes(size: int) -> str:
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= one:
            return f"{size / one:.1f} {unit}"
    return counted(size, "byte")
